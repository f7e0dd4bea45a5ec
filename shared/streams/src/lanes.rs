//! Lanes: a consumer that is declared with them has a fixed number of durable consumers, whatever the number of sites, so
//! that what one site sends does not stand before another's. Whoever writes a request chooses its lane. The declared consumer
//! itself hands out what stands in no lane: requests of releases before lanes. Everything but handing out knows only the
//! declared name: tickets, dead letters, metrics.

use std::sync::LazyLock;

use hilum_events::{finds, in_lane, lane_of};

use crate::definition::{ConsumerDefinition, EVENTS, Lanes, StreamDefinition, definitions};

/// Between the name of a consumer and the number of its lane.
const LANE: &str = "-lane-";
/// Between the name of a consumer and the site whose share it was, in releases before lanes.
const SHARE: char = '@';

static DECLARED: LazyLock<Vec<(String, ConsumerDefinition)>> = LazyLock::new(|| {
    let consumers_of = |stream: StreamDefinition| {
        stream.consumers.into_iter().map(move |consumer| (stream.name.clone(), consumer))
    };
    definitions().into_iter().flat_map(consumers_of).collect()
});

impl ConsumerDefinition {
    /// Itself and its lanes as the server is to have them: the name of each and what it hands out.
    pub fn with_lanes(&self) -> Vec<(String, Vec<String>)> {
        let in_lane = |lane| {
            let filters = self.filter_subjects.iter().map(|filter| in_lane(filter, lane));
            (lane_name(&self.name, lane), filters.collect())
        };
        let lanes = 0..self.lanes.map_or(0, Lanes::count);
        let own = (self.name.clone(), self.filter_subjects.clone());
        [own].into_iter().chain(lanes.map(in_lane)).collect()
    }

    /// Whether it hands out what stands under `subject`, which is without its lane.
    fn hands_out(&self, subject: &str) -> bool {
        self.filter_subjects.iter().any(|filter| finds(filter, subject))
    }
}

/// The declared consumers of a stream.
pub fn declared_consumers(stream: &str) -> impl Iterator<Item = &'static ConsumerDefinition> {
    DECLARED.iter().filter(move |(of, _)| of == stream).map(|(_, consumer)| consumer)
}

/// The streams with declared consumers.
pub fn streams_with_consumers() -> Vec<String> {
    let mut streams: Vec<String> = DECLARED.iter().map(|(stream, _)| stream.clone()).collect();
    streams.dedup();
    streams
}

/// The consumers with lanes.
pub fn laned() -> impl Iterator<Item = (&'static ConsumerDefinition, Lanes)> {
    DECLARED.iter().filter_map(|(_, consumer)| Some((consumer, consumer.lanes?)))
}

/// The lanes of a consumer, if it is one that has some.
pub fn lanes_of(consumer: &str) -> Option<Lanes> {
    laned().find(|(declared, _)| declared.name == consumer).map(|(_, lanes)| lanes)
}

/// The declared consumer that hands out the facts under `subject`, in whichever lane that is.
pub fn consumer_of(subject: &str) -> Option<&'static str> {
    let subject = lane_of(subject).0;
    declared_consumers(EVENTS).find(|it| it.hands_out(subject)).map(|it| it.name.as_str())
}

/// The name on the server of a lane of `consumer`.
pub fn lane_name(consumer: &str, lane: u16) -> String {
    format!("{consumer}{LANE}{lane}")
}

/// The declared consumer that a name on the server stands for: itself, the one of whose lanes it is, or, in releases before
/// lanes, the one of whose shares it was.
pub fn declared(name: &str) -> &str {
    let of_lane = name.rsplit_once(LANE).filter(|(consumer, _)| lanes_of(consumer).is_some());
    let of_share = || name.split_once(SHARE);
    of_lane.or_else(of_share).map_or(name, |(consumer, _)| consumer)
}

/// Whether this is the name of a share of `consumer`.
pub fn is_share(consumer: &str, name: &str) -> bool {
    name.split_once(SHARE).is_some_and(|(of, _)| of == consumer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stands_in_a_lane_of_its_priority_and_each_lane_has_one_filter() {
        assert_eq!(consumer_of("evt.inference-requested.north.8.routine-31"), Some("infer-routine"));
        assert_eq!(consumer_of("evt.inference-requested.north.8.stat"), Some("infer-stat"));
        assert_eq!(consumer_of("evt.report-issued.north.1.2"), None);
        let (routine, lanes) = laned().find(|(consumer, _)| consumer.name == "infer-routine").unwrap();
        let all = routine.with_lanes();
        assert_eq!(all.len(), 1 + usize::from(lanes.count()));
        let filters = |filter: &str| vec![filter.to_owned()];
        assert_eq!(all[0], ("infer-routine".to_owned(), filters("evt.inference-requested.*.*.routine")));
        let seventh = ("infer-routine-lane-7".to_owned(), filters("evt.inference-requested.*.*.routine-7"));
        assert_eq!(all[8], seventh);
    }

    #[test]
    fn no_fact_is_handed_out_by_two_declared_consumers() {
        for envelope in hilum_events::samples::one_of_each() {
            let subject = envelope.subject();
            let takers = declared_consumers(EVENTS).filter(|consumer| consumer.hands_out(&subject)).count();
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
        let all: usize = DECLARED.iter().map(|(_, consumer)| consumer.with_lanes().len()).sum();
        assert!(all <= 100, "{all} of 1,000");
    }
}
