//! Lanes: a consumer that is declared with them has a fixed number of durable consumers, whatever the number of sites, so
//! that what one site sends does not stand before another's. Who writes a request chooses its lane, see `waiting`. The
//! declared consumer itself hands out what stands in no lane: requests of releases before lanes. Everything but handing out
//! knows only the declared name: tickets, dead letters, metrics.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_nats::jetstream::consumer::{self, DeliverPolicy, pull};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures::TryStreamExt as _;
use hilum_events::{finds, in_lane, lane_of};
use serde::Deserialize;

use crate::connection::{Log, UnavailableError};
use crate::definition::{ConsumerDefinition, EVENTS, definitions};

/// Between the name of a consumer and the number of its lane.
const LANE: &str = "-lane-";
/// Between the name of a consumer and the site whose share it was, in releases before lanes.
const SHARE: char = '@';

static DECLARED: LazyLock<Vec<(String, ConsumerDefinition)>> = LazyLock::new(|| {
    let consumers_of = |stream: crate::StreamDefinition| {
        stream.consumers.into_iter().map(move |consumer| (stream.name.clone(), consumer))
    };
    definitions().into_iter().flat_map(consumers_of).collect()
});

/// How many lanes a consumer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// For sites that have few waiting: these share them. The first ones.
    pub common: u16,
    /// For sites that have many waiting: each has one of these for itself, while there are enough. The others.
    pub own: u16,
}

impl Lanes {
    /// All of them.
    pub fn count(self) -> u16 {
        self.common + self.own
    }
}

/// A declared consumer or one of its lanes, as the server has it.
pub(crate) struct Found {
    /// As declared.
    pub(crate) consumer: String,
    pub(crate) lane: Option<u16>,
    pub(crate) info: consumer::Info,
}

impl ConsumerDefinition {
    /// What the server is to have of it: itself, and its lanes.
    pub(crate) fn configs(&self) -> Vec<pull::Config> {
        let own = self.named(self.name.clone(), self.filter_subjects.clone());
        let lanes = 0..self.lanes.map_or(0, Lanes::count);
        [own].into_iter().chain(lanes.map(|lane| self.in_lane(lane))).collect()
    }

    fn in_lane(&self, lane: u16) -> pull::Config {
        let filters = self.filter_subjects.iter().map(|filter| in_lane(filter, lane));
        self.named(name_of(&self.name, lane), filters.collect())
    }

    /// Whether it hands out what stands under `subject`, which is without its lane.
    fn hands_out(&self, subject: &str) -> bool {
        self.filter_subjects.iter().any(|filter| finds(filter, subject))
    }
}

impl Log {
    /// The declared consumers of a stream and their lanes, in the order of their declaration, all of them or none.
    pub(crate) async fn consumers_of(&self, stream: &str) -> Result<Vec<Found>, UnavailableError> {
        let server = self.context.get_stream_no_info(stream).await;
        let server = server.map_err(UnavailableError::new("open a stream"))?;
        let mut infos = infos(&server).await?;
        let mut found = Vec::new();
        for (_, declared) in DECLARED.iter().filter(|(of, _)| of == stream) {
            let consumer = &declared.name;
            let lanes = 0..declared.lanes.map_or(0, Lanes::count);
            for lane in [None].into_iter().chain(lanes.map(Some)) {
                let name = lane.map_or_else(|| consumer.clone(), |lane| name_of(consumer, lane));
                // A consumer of a cluster that has no leader at the moment is left out by the server.
                let info = infos.remove(&name).ok_or_else(|| {
                    format!("the server did not tell of {name}; `hilum streams apply` makes what is missing")
                });
                let info = info.map_err(UnavailableError::new(LIST))?;
                found.push(Found { consumer: consumer.clone(), lane, info });
            }
        }
        Ok(found)
    }
}

const LIST: &str = "list the consumers of a stream";

/// All consumers of a stream, by name.
pub(crate) async fn infos<I>(
    stream: &Stream<I>,
) -> Result<HashMap<String, consumer::Info>, UnavailableError> {
    let infos: Vec<consumer::Info> =
        stream.consumers().try_collect().await.map_err(UnavailableError::new(LIST))?;
    Ok(infos.into_iter().map(|info| (info.name.clone(), info)).collect())
}

/// The streams with declared consumers.
pub(crate) fn streams_with_consumers() -> Vec<String> {
    let mut streams: Vec<String> = DECLARED.iter().map(|(stream, _)| stream.clone()).collect();
    streams.dedup();
    streams
}

/// The consumers with lanes.
pub(crate) fn laned() -> impl Iterator<Item = (&'static ConsumerDefinition, Lanes)> {
    DECLARED.iter().filter_map(|(_, consumer)| Some((consumer, consumer.lanes?)))
}

/// The lanes of a consumer, if it is one that has some.
pub(crate) fn lanes_of(consumer: &str) -> Option<Lanes> {
    laned().find(|(declared, _)| declared.name == consumer).map(|(_, lanes)| lanes)
}

/// The declared consumer that hands out the facts under `subject`, in whichever lane that is.
pub fn consumer_of(subject: &str) -> Option<&'static str> {
    let subject = lane_of(subject).0;
    let of_facts = DECLARED.iter().filter(|(stream, _)| stream == EVENTS);
    of_facts.map(|(_, consumer)| consumer).find(|it| it.hands_out(subject)).map(|it| it.name.as_str())
}

/// The consumer with lanes that hands out what stands under `subject`, which is without its lane.
pub(crate) fn consumer_for(subject: &str) -> Option<&'static str> {
    laned().find(|(consumer, _)| consumer.hands_out(subject)).map(|(consumer, _)| consumer.name.as_str())
}

pub(crate) fn name_of(consumer: &str, lane: u16) -> String {
    format!("{consumer}{LANE}{lane}")
}

/// The declared consumer that a name on the server stands for: itself, the one of whose lanes it is, or, in releases before
/// lanes, the one of whose shares it was.
pub fn declared(name: &str) -> &str {
    let of_lane = name.rsplit_once(LANE).filter(|(consumer, _)| lanes_of(consumer).is_some());
    let of_share = || name.split_once(SHARE);
    of_lane.or_else(of_share).map_or(name, |(consumer, _)| consumer)
}

/// Where a consumer begins that is made now. A lane that nothing ever stood in begins at the end of the log, whose
/// beginning would only be searched for it.
pub(crate) async fn begin<I>(
    stream: &Stream<I>,
    config: &pull::Config,
    last_seq: u64,
) -> Result<DeliverPolicy, UnavailableError> {
    let name = config.durable_name.as_deref().unwrap_or_default();
    if last_seq == 0 || declared(name) == name {
        return Ok(DeliverPolicy::All);
    }
    for filter in &config.filter_subjects {
        match stream.get_last_raw_message_by_subject(filter).await {
            Ok(_) => return Ok(DeliverPolicy::All),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
            Err(error) => return Err(UnavailableError::new("look for what stands in a lane")(error)),
        }
    }
    Ok(DeliverPolicy::ByStartSequence { start_sequence: last_seq + 1 })
}

/// Whether this is the name of a share of `consumer`.
pub(crate) fn is_share(consumer: &str, name: &str) -> bool {
    name.split_once(SHARE).is_some_and(|(of, _)| of == consumer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stands_in_a_lane_of_its_priority_and_each_lane_has_one_filter() {
        let subject = "evt.inference-requested.north.8.routine";
        assert_eq!(consumer_for(subject), Some("infer-routine"));
        assert_eq!(consumer_for("evt.inference-requested.north.8.stat"), Some("infer-stat"));
        assert_eq!(consumer_for("evt.image-stored.north.1.2"), None);
        let (routine, lanes) = laned().find(|(consumer, _)| consumer.name == "infer-routine").unwrap();
        let configs = routine.configs();
        assert_eq!(configs.len(), 1 + usize::from(lanes.count()));
        assert_eq!(configs[0].filter_subjects, ["evt.inference-requested.*.*.routine"]);
        assert_eq!(configs[8].durable_name.as_deref(), Some("infer-routine-lane-7"));
        assert_eq!(configs[8].filter_subjects, ["evt.inference-requested.*.*.routine-7"]);
    }

    #[test]
    fn no_fact_is_handed_out_by_two_declared_consumers() {
        for envelope in hilum_events::samples::one_of_each() {
            let subject = envelope.subject();
            let of_facts = DECLARED.iter().filter(|(stream, _)| stream == EVENTS);
            let takers = of_facts.filter(|(_, consumer)| consumer.hands_out(&subject)).count();
            assert!(takers <= 1, "{subject}: {takers}");
            assert_eq!(consumer_of(&subject).is_some(), takers == 1, "{subject}");
        }
    }

    #[test]
    fn lanes_and_the_shares_of_earlier_releases_are_known_by_the_declared_name() {
        for name in ["infer-routine", "infer-routine-lane-31", "infer-routine@north"] {
            assert_eq!(declared(name), "infer-routine");
        }
        assert_eq!(declared("deliver-x-lane-3"), "deliver-x-lane-3", "a target may be called so");
        assert!(is_share("infer-stat", "infer-stat@a-lane-1") && !is_share("infer", "infer-stat@north"));
    }

    #[test]
    fn so_many_consumers_are_far_from_what_a_server_allows() {
        let all: usize = DECLARED.iter().map(|(_, consumer)| consumer.configs().len()).sum();
        assert!(all <= 100, "{all} of 1,000");
    }
}
