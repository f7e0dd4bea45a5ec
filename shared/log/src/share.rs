//! Shares: of a consumer with `share_per_site` each site has a durable consumer of its own, so that a worker can take
//! from the sites in turn and what one site sends never stands before another's. The declared consumer stays as their
//! pattern: it has their settings and hands out nothing itself. Everything but handing out knows only its name: tickets,
//! dead letters, metrics.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use async_nats::jetstream::consumer::{self, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures::TryStreamExt as _;
use hilum_events::Site;

use crate::connection::{Log, UnavailableError};
use crate::definition::{ConsumerDefinition, Drift, EVENTS, definitions, drift_of, filters_of};

/// Between the name of a consumer and that of a site. No site has it in its name.
const AT: char = '@';
/// In the place of the site in the filters of a pattern: a site that nobody can be.
const NOBODY: &str = "@";
/// What a pattern's metadata say of where its shares begin, when the log is older than they are.
const START: &str = "hilum-shares-start";

static DECLARED: LazyLock<Vec<(String, ConsumerDefinition)>> = LazyLock::new(|| {
    let consumers_of = |stream: crate::StreamDefinition| {
        stream.consumers.into_iter().map(move |consumer| (stream.name.clone(), consumer))
    };
    definitions().into_iter().flat_map(consumers_of).collect()
});

/// The shares that this process knows to be there.
#[derive(Debug, Default)]
pub(crate) struct KnownShares(Mutex<HashSet<String>>);

/// A declared consumer or a share of one, as the server has it.
pub(crate) struct Found {
    /// As declared.
    pub(crate) consumer: String,
    /// Whose share it is.
    pub(crate) site: Option<Site>,
    pub(crate) info: consumer::Info,
}

impl KnownShares {
    fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn add(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

impl Log {
    /// Makes sure that what is written to `subject` by `site` will be handed out, before it is written.
    pub(crate) async fn ensure_share(&self, subject: &str, site: &Site) -> Result<(), UnavailableError> {
        if self.server.is_some() {
            // It hands out all that is written.
            return Ok(());
        }
        for consumer in shared().filter(|consumer| hands_out(consumer, subject)) {
            let name = name_of(&consumer.name, site);
            if self.shares.has(&name) {
                continue;
            }
            let stream = self.context.get_stream_no_info(EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            let pattern = stream.consumer_info(&consumer.name).await.map_err(UnavailableError::new(
                "ask for the pattern of a site's consumer; apply the definitions of streams/ first",
            ))?;
            create(&stream, consumer, &pattern, site).await?;
            self.shares.add(name);
        }
        Ok(())
    }

    /// The names of the shares that there are of these consumers.
    pub(crate) async fn shares_of(&self, consumers: &[String]) -> Result<Vec<String>, UnavailableError> {
        let stream = self.context.get_stream_no_info(EVENTS).await;
        let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
        let names: Vec<String> =
            stream.consumer_names().try_collect().await.map_err(UnavailableError::new(LIST))?;
        let is_share =
            |name: &String| matches!(parts(name), (of, Some(_)) if consumers.iter().any(|it| it == of));
        Ok(names.into_iter().filter(is_share).collect())
    }

    /// The declared consumers of a stream and their shares, in the order of their declaration, all of them or none.
    pub(crate) async fn consumers_of(&self, stream: &str) -> Result<Vec<Found>, UnavailableError> {
        let server = self.context.get_stream_no_info(stream).await;
        let server = server.map_err(UnavailableError::new("open a stream"))?;
        let names: BTreeSet<String> =
            server.consumer_names().try_collect().await.map_err(UnavailableError::new(LIST))?;
        let infos: Vec<consumer::Info> =
            server.consumers().try_collect().await.map_err(UnavailableError::new(LIST))?;
        let mut infos: HashMap<String, consumer::Info> =
            infos.into_iter().map(|info| (info.name.clone(), info)).collect();
        let mut found = Vec::new();
        for (_, declared) in DECLARED.iter().filter(|(of, _)| of == stream) {
            let consumer = &declared.name;
            let shares = names.iter().filter(|name| matches!(parts(name), (of, Some(_)) if of == consumer));
            for name in [consumer].into_iter().chain(shares) {
                // A consumer of a cluster that has no leader at the moment is left out by the server.
                let info = infos.remove(name).ok_or("the server did not tell of all consumers");
                let info = info.map_err(UnavailableError::new(LIST))?;
                found.push(Found { consumer: consumer.clone(), site: parts(name).1, info });
            }
        }
        Ok(found)
    }
}

const LIST: &str = "list the consumers of a stream";

/// The streams with declared consumers.
pub(crate) fn streams_with_consumers() -> Vec<String> {
    let mut streams: Vec<String> = DECLARED.iter().map(|(stream, _)| stream.clone()).collect();
    streams.dedup();
    streams
}

/// Whether any of these consumers has shares.
pub(crate) fn has_shares(consumers: &[String]) -> bool {
    shared().any(|declared| consumers.contains(&declared.name))
}

/// The declared consumer that a name on the server stands for, and whose share of it that is.
pub(crate) fn parts(name: &str) -> (&str, Option<Site>) {
    match name.split_once(AT) {
        Some((consumer, site)) => (consumer, site.parse().ok()),
        None => (name, None),
    }
}

/// The filters of a consumer that has shares.
pub(crate) fn filters_of_nobody(consumer: &ConsumerDefinition) -> Vec<String> {
    filters_for(consumer, NOBODY)
}

/// Before the consumer is brought to its definition: gives all its shares their settings. One that an earlier release
/// left hands out the facts of all sites: first each site with facts that are not settled gets its share, from there on.
/// Gives the pattern's metadata.
pub(crate) async fn apply<I>(
    log: &Log,
    stream: &Stream<I>,
    consumer: &ConsumerDefinition,
    pattern: &consumer::Info,
) -> Result<HashMap<String, String>, UnavailableError> {
    let start = start(consumer, pattern);
    if !is_pattern(consumer, pattern) && pattern.num_pending + pattern.num_ack_pending as u64 > 0 {
        for site in sites_from(log, consumer, start.unwrap_or(1)).await {
            create(stream, consumer, pattern, &site).await?;
        }
    }
    for name in log.shares_of(std::slice::from_ref(&consumer.name)).await? {
        let (_, Some(site)) = parts(&name) else { continue };
        let share = stream.consumer_info(&name).await;
        let share = share.map_err(UnavailableError::new("ask for a site's consumer"))?;
        let config = pull::Config { deliver_policy: share.config.deliver_policy, ..config(consumer, &site) };
        stream.update_consumer(config).await.map_err(UnavailableError::new("update a site's consumer"))?;
    }
    Ok(start.map(|start| (START.to_owned(), start.to_string())).into_iter().collect())
}

/// What differs of the shares.
pub(crate) async fn drift<I>(
    stream: &Stream<I>,
    stream_name: &str,
    consumer: &ConsumerDefinition,
) -> Result<Vec<Drift>, UnavailableError> {
    let found: Vec<consumer::Info> =
        stream.consumers().try_collect().await.map_err(UnavailableError::new(LIST))?;
    let drift_of_share = |info: &consumer::Info| match parts(&info.name) {
        (of, Some(site)) if of == consumer.name => {
            drift_of(stream_name, &config(consumer, &site), &info.config)
        }
        _ => Vec::new(),
    };
    Ok(found.iter().flat_map(drift_of_share).collect())
}

/// Makes a share as its pattern on the server says; harmless when it is there.
async fn create<I>(
    stream: &Stream<I>,
    consumer: &ConsumerDefinition,
    pattern: &consumer::Info,
    site: &Site,
) -> Result<(), UnavailableError> {
    let deliver_policy = match start(consumer, pattern) {
        Some(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
        None => DeliverPolicy::All,
    };
    let config = pull::Config {
        deliver_policy,
        ack_wait: pattern.config.ack_wait,
        max_deliver: pattern.config.max_deliver,
        max_ack_pending: pattern.config.max_ack_pending,
        ..config(consumer, site)
    };
    let Err(error) = stream.create_consumer_strict(config).await else { return Ok(()) };
    // Another process may have been faster, or this one when its answer was lost.
    match stream.consumer_info(name_of(&consumer.name, site)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(UnavailableError::new("make a site's consumer")(error)),
    }
}

/// The first position that shares hand out, if that is not the first of the log: what stands before it was settled
/// before there were any.
fn start(consumer: &ConsumerDefinition, pattern: &consumer::Info) -> Option<u64> {
    if is_pattern(consumer, pattern) {
        return pattern.config.metadata.get(START)?.parse().ok();
    }
    Some(pattern.ack_floor.stream_sequence + 1)
}

/// Whether it hands out nothing itself, as this release declares it.
fn is_pattern(consumer: &ConsumerDefinition, found: &consumer::Info) -> bool {
    filters_of(&found.config) == filters_of_nobody(consumer)
}

/// The sites that have facts for `consumer` at or behind `start`, where there is one at least.
async fn sites_from(log: &Log, consumer: &ConsumerDefinition, start: u64) -> BTreeSet<Site> {
    let filters: Vec<&str> = consumer.filter_subjects.iter().map(String::as_str).collect();
    let mut follower = log.follow(start.saturating_sub(1), &filters);
    let mut sites = BTreeSet::new();
    loop {
        let fact = follower.next().await;
        sites.extend(fact.subject.split('.').nth(2).and_then(|site| site.parse().ok()));
        if fact.pending == 0 {
            return sites;
        }
    }
}

fn shared() -> impl Iterator<Item = &'static ConsumerDefinition> {
    DECLARED.iter().map(|(_, consumer)| consumer).filter(|consumer| consumer.share_per_site)
}

fn config(consumer: &ConsumerDefinition, site: &Site) -> pull::Config {
    consumer.named(name_of(&consumer.name, site), filters_for(consumer, &site.to_string()))
}

fn name_of(consumer: &str, site: &Site) -> String {
    format!("{consumer}{AT}{site}")
}

fn filters_for(consumer: &ConsumerDefinition, site: &str) -> Vec<String> {
    consumer.filter_subjects.iter().map(|filter| filter.replacen('*', site, 1)).collect()
}

fn hands_out(consumer: &ConsumerDefinition, subject: &str) -> bool {
    let matches = |filter: &String| {
        let mut tokens = subject.split('.');
        filter.split('.').all(|wanted| tokens.next().is_some_and(|token| wanted == "*" || wanted == token))
            && tokens.next().is_none()
    };
    consumer.filter_subjects.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_handed_out_by_the_share_of_its_site_and_priority_alone() {
        let subject = "evt.inference-requested.north.8.routine";
        let names: Vec<_> = shared().filter(|it| hands_out(it, subject)).map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["infer-routine"]);
        let site: Site = "north".parse().unwrap();
        let routine = shared().find(|consumer| consumer.name == "infer-routine").unwrap();
        let share = config(routine, &site);
        assert_eq!(share.durable_name.as_deref(), Some("infer-routine@north"));
        assert_eq!(share.filter_subjects, ["evt.inference-requested.north.*.routine"]);
        assert_eq!(parts("infer-routine@north"), ("infer-routine", Some(site)));
        assert!(!shared().any(|it| hands_out(it, "evt.image-stored.north.1.2")));
    }

    #[test]
    fn the_pattern_hands_out_the_facts_of_no_site() {
        for consumer in shared() {
            let filters = filters_of_nobody(consumer);
            let site = filters[0].split('.').nth(2).unwrap();
            assert!(site.parse::<Site>().is_err() && !filters[0].contains("..*"), "{filters:?}");
            assert_eq!(parts(&consumer.name), (consumer.name.as_str(), None));
        }
    }
}
