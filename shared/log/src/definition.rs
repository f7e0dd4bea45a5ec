//! The streams and durable consumers as declared in `streams/`, applied by one place and compared by all.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use futures::future::BoxFuture;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use crate::connection::{Log, UnavailableError};
use crate::floors::{Floors, MadeAnew};
use crate::lane::{self, Lanes, infos};
use crate::shares;

/// Name of the event stream.
pub(crate) const EVENTS: &str = "EVENTS";

/// Name of the stream of scheduled retries.
pub(crate) const RETRIES: &str = "RETRIES";
/// Name of the stream of advisories.
pub(crate) const ADVISORIES: &str = "ADVISORIES";
/// Name of the stream that tells which reading saw a picture.
pub(crate) const PICTURES: &str = "PICTURES";

/// What is said of a consumer that is not there.
const MISSING: &str = "it is missing";
/// Consumers that are made or changed at a time.
const AT_ONCE: usize = 16;

const FILES: [&str; 8] = [
    include_str!("../../../streams/events.toml"),
    include_str!("../../../streams/retries.toml"),
    include_str!("../../../streams/dlq-dedupe.toml"),
    include_str!("../../../streams/dlq-infer.toml"),
    include_str!("../../../streams/dlq-sweep.toml"),
    include_str!("../../../streams/dlq-deliver.toml"),
    include_str!("../../../streams/advisories.toml"),
    include_str!("../../../streams/pictures.toml"),
];

/// When a stream lets go of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Never by being consumed, and nothing may be deleted.
    #[default]
    Kept,
    /// When it was acknowledged.
    WorkQueue,
    /// When its subject has a newer one, or the stream more than its `max_messages`.
    Newest,
}

/// One file of `streams/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamDefinition {
    /// Stream name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Subjects it takes.
    pub subjects: Vec<String>,
    /// When it lets go of a message.
    #[serde(default)]
    pub retention: Retention,
    /// Whether messages can be scheduled for later.
    #[serde(default)]
    pub schedules: bool,
    /// How long a message is kept, seconds; for good when not given.
    #[serde(default)]
    pub max_age_s: u64,
    /// Most messages of a stream with the retention `newest`.
    #[serde(default)]
    pub max_messages: i64,
    /// How long the server remembers message ids, seconds. Only a help: see `append`.
    pub duplicate_window_s: u64,
    /// Longest message, bytes.
    pub max_message_bytes: i32,
    /// Its durable consumers.
    #[serde(default, rename = "consumer")]
    pub consumers: Vec<ConsumerDefinition>,
}

/// A durable pull consumer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerDefinition {
    /// Durable name.
    pub name: String,
    /// The lanes in which what it hands out waits, if it has some: see `lane`.
    #[serde(default)]
    pub lanes: Option<Lanes>,
    /// What it hands out.
    pub filter_subjects: Vec<String>,
    /// A message that is not settled or reported as in progress for so long goes to another worker, seconds.
    pub ack_wait_s: u64,
    /// Deliveries before the server stops: above what the workers themselves try, for workers that die.
    pub max_deliver: i64,
    /// Messages handed out and not settled, over all workers.
    pub max_ack_pending: i64,
}

/// A setting on the server differs from its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Stream, or stream and consumer.
    pub what: String,
    /// Setting, with the declared and the found value.
    pub difference: String,
}

/// The definitions can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server is away or refuses.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// A consumer is missing, and what tells where it stood was not read.
    #[error(
        "consumer {consumer} of the event log is missing, and where it stood is not known here; say with --store-url where \
         object storage is, whose records tell"
    )]
    UnknownFloor {
        /// Its name.
        consumer: String,
    },
}

/// The definitions of `streams/`, as built into this release.
pub fn definitions() -> Vec<StreamDefinition> {
    FILES.iter().map(|text| toml::from_str(text).expect("a test reads the files of streams/")).collect()
}

/// The consumer that hands out the tickets of `consumer`.
pub(crate) fn retry_consumer(consumer: &str) -> String {
    format!("{consumer}-retry")
}

/// The service that works for a consumer.
pub fn service_of(consumer: &str) -> &str {
    consumer.split_once('-').map_or(consumer, |(service, _)| service)
}

/// The target of a consumer that delivers to one. The consumer that evaluates triage rules is named like those: its
/// target would be `triage`, which no real one may be called.
pub fn target_of(consumer: &str) -> Option<&str> {
    consumer.strip_prefix("deliver-")
}

/// Brings the server to the definitions of `streams/`, see [`apply`].
///
/// # Errors
/// When the server is away or refuses.
pub fn apply_definitions(log: &Log, replicas: usize) -> BoxFuture<'_, Result<Vec<Drift>, ApplyError>> {
    Box::pin(async move { apply(log, &definitions(), replicas).await })
}

/// As [`apply_definitions`], for who knows the floors of consumers, or does not: a consumer that is missing in a log that has
/// facts begins where it stood, and is not made by who can't know.
///
/// # Errors
/// As there; when a consumer is missing and `floors` are not known.
pub fn apply_definitions_knowing<'a>(
    log: &'a Log,
    replicas: usize,
    floors: Option<&'a Floors>,
) -> BoxFuture<'a, Result<Vec<Drift>, ApplyError>> {
    Box::pin(async move { apply_knowing(log, &definitions(), replicas, floors).await })
}

/// Makes what is missing and brings what differs to its definition. `replicas` is 1 for a single node, 3 for
/// production. Returns what had drifted.
///
/// # Errors
/// When the server is away or refuses.
pub fn apply<'a>(
    log: &'a Log,
    definitions: &'a [StreamDefinition],
    replicas: usize,
) -> BoxFuture<'a, Result<Vec<Drift>, ApplyError>> {
    Box::pin(async move { apply_knowing(log, definitions, replicas, Some(&Floors::default())).await })
}

/// As [`apply`], for who knows the floors of consumers, or does not, see [`apply_definitions_knowing`].
///
/// # Errors
/// As there.
pub fn apply_knowing<'a>(
    log: &'a Log,
    definitions: &'a [StreamDefinition],
    replicas: usize,
    floors: Option<&'a Floors>,
) -> BoxFuture<'a, Result<Vec<Drift>, ApplyError>> {
    Box::pin(async move {
        let mut drifted = drift_from(log, definitions, replicas).await?;
        drifted.retain(|drift| drift.difference != MISSING);
        for definition in definitions {
            let stream = log.context.create_or_update_stream(definition.config(replicas)).await;
            stream.map_err(UnavailableError::new("apply a stream definition"))?;
            let stream = log.context.get_stream(&definition.name).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            for consumer in definition.consumers.iter().filter(|consumer| consumer.lanes.is_some()) {
                Box::pin(shares::take_over(log, &stream, consumer)).await?;
            }
            let made_anew = Box::pin(apply_consumers(&stream, definition, floors)).await?;
            drifted.extend(made_anew.into_iter().map(|made| Drift {
                what: format!("{}/{}", definition.name, made.consumer),
                difference: made.to_string(),
            }));
        }
        Ok(drifted)
    })
}

/// Makes the consumers that are missing and brings those that differ to their definition. Gives those that were lost.
async fn apply_consumers(
    stream: &Stream,
    definition: &StreamDefinition,
    floors: Option<&Floors>,
) -> Result<Vec<MadeAnew>, ApplyError> {
    // Before it is looked what stands in the lanes.
    let last_seq = stream.cached_info().state.last_sequence;
    let epoch = &stream.cached_info().created.to_string();
    let found = infos(stream).await?;
    let apply = |config: pull::Config| async {
        let name = config.durable_name.clone().unwrap_or_default();
        let Some(info) = found.get(&name) else {
            let has_floors = definition.name == EVENTS && last_seq > 0;
            let floor = match floors {
                None if has_floors => return Err(ApplyError::UnknownFloor { consumer: name }),
                floors => floors.filter(|_| has_floors).and_then(|floors| floors.of(&name, epoch, last_seq)),
            };
            let deliver_policy = match floor {
                Some(floor) => DeliverPolicy::ByStartSequence { start_sequence: floor + 1 },
                None => lane::begin(stream, &config, last_seq).await?,
            };
            let created = stream.create_consumer_strict(pull::Config { deliver_policy, ..config }).await;
            created.map_err(UnavailableError::new("create a consumer"))?;
            return Ok(floor.map(|floor| MadeAnew { consumer: name, floor, last_seq }));
        };
        if drift_of(&definition.name, &config, &info.config).is_empty() {
            return Ok(None);
        }
        // Where it began can't be changed, and must not.
        let deliver_policy = info.config.deliver_policy;
        let updated = stream.update_consumer(pull::Config { deliver_policy, ..config }).await;
        updated.map_err(UnavailableError::new("update a consumer"))?;
        Ok::<_, ApplyError>(None)
    };
    let all = definition.consumers.iter().flat_map(ConsumerDefinition::configs).map(apply);
    let made: Vec<_> = futures::stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(made.into_iter().flatten().collect())
}

/// Compares the server with the definitions. What is missing is not drift, but for consumers of a log that has facts: those
/// were lost.
///
/// # Errors
/// When the server is away.
pub fn drift(log: &Log, replicas: usize) -> BoxFuture<'_, Result<Vec<Drift>, UnavailableError>> {
    Box::pin(async move { drift_from(log, &definitions(), replicas).await })
}

async fn drift_from(
    log: &Log,
    definitions: &[StreamDefinition],
    replicas: usize,
) -> Result<Vec<Drift>, UnavailableError> {
    let mut drifted = Vec::new();
    for definition in definitions {
        let Ok(stream) = log.context.get_stream(&definition.name).await else { continue };
        let (declared, found) = (definition.config(replicas), &stream.cached_info().config);
        let mut note = |setting: &str, declared: String, found: String| {
            if declared != found {
                let difference = format!("{setting} is {found}, declared {declared}");
                drifted.push(Drift { what: definition.name.clone(), difference });
            }
        };
        note("subjects", format!("{:?}", declared.subjects), format!("{:?}", found.subjects));
        note("retention", format!("{:?}", declared.retention), format!("{:?}", found.retention));
        note("storage", format!("{:?}", declared.storage), format!("{:?}", found.storage));
        note("discard", format!("{:?}", declared.discard), format!("{:?}", found.discard));
        note("replicas", declared.num_replicas.to_string(), found.num_replicas.to_string());
        note("deny_delete", declared.deny_delete.to_string(), found.deny_delete.to_string());
        note("deny_purge", declared.deny_purge.to_string(), found.deny_purge.to_string());
        note("max_messages", declared.max_messages.to_string(), found.max_messages.to_string());
        note("max_bytes", declared.max_bytes.to_string(), found.max_bytes.to_string());
        let most = |config: &Config| config.max_messages_per_subject.to_string();
        note("max_messages_per_subject", most(&declared), most(found));
        note("max_age", format!("{:?}", declared.max_age), format!("{:?}", found.max_age));
        note("max_message_size", declared.max_message_size.to_string(), found.max_message_size.to_string());
        let infos = infos(&stream).await?;
        for consumer in &definition.consumers {
            for config in consumer.configs() {
                let name = config.durable_name.as_deref().unwrap_or_default();
                let Some(info) = infos.get(name) else {
                    if definition.name == EVENTS && stream.cached_info().state.last_sequence > 0 {
                        let what = format!("{EVENTS}/{name}");
                        drifted.push(Drift { what, difference: MISSING.to_owned() });
                    }
                    continue;
                };
                drifted.extend(drift_of(&definition.name, &config, &info.config));
            }
            drifted.extend(shares::drift(&definition.name, consumer, infos.keys()));
        }
    }
    Ok(drifted)
}

/// Whether a stream that has to keep all it was given does.
///
/// # Errors
/// Says by which setting it would forget.
pub(crate) fn keeps_all(found: &Config) -> Result<(), String> {
    let forgets = match found {
        Config { retention, .. } if *retention != RetentionPolicy::Limits => {
            format!("its retention is {retention:?}")
        }
        Config { max_age, .. } if !max_age.is_zero() => format!("max_age is {max_age:?}"),
        Config { max_messages_per_subject: 1.., .. } => "max_messages_per_subject is set".to_owned(),
        Config { discard: DiscardPolicy::Old, max_messages: 1.., .. } => {
            "max_messages is set with discard old".to_owned()
        }
        Config { discard: DiscardPolicy::Old, max_bytes: 1.., .. } => {
            "max_bytes is set with discard old".to_owned()
        }
        _ => return Ok(()),
    };
    Err(format!("stream {} would forget facts: {forgets}; `hilum streams apply` sets it right", found.name))
}

impl StreamDefinition {
    /// Whether it has all messages that it was ever given.
    pub(crate) fn keeps_all(&self) -> bool {
        self.retention == Retention::Kept && self.max_age_s == 0
    }

    fn config(&self, replicas: usize) -> Config {
        let newest = self.retention == Retention::Newest;
        Config {
            name: self.name.clone(),
            description: Some(self.description.clone()),
            subjects: self.subjects.clone(),
            retention: match self.retention {
                Retention::Kept | Retention::Newest => RetentionPolicy::Limits,
                Retention::WorkQueue => RetentionPolicy::WorkQueue,
            },
            max_age: Duration::from_secs(self.max_age_s),
            allow_message_schedules: self.schedules,
            // The server wants these of a stream with schedules, whose fired messages it removes itself.
            allow_rollup: self.schedules,
            // Only the newest have a limit: of the others neither lets go of a message, but with schedules the server
            // takes only the old one.
            discard: if self.schedules || newest { DiscardPolicy::Old } else { DiscardPolicy::New },
            max_bytes: -1,
            max_messages: if newest { self.max_messages } else { -1 },
            max_messages_per_subject: if newest { 1 } else { -1 },
            allow_direct: newest,
            storage: StorageType::File,
            num_replicas: replicas,
            duplicate_window: Duration::from_secs(self.duplicate_window_s),
            max_message_size: self.max_message_bytes,
            deny_delete: self.retention == Retention::Kept,
            deny_purge: self.retention == Retention::Kept,
            ..Config::default()
        }
    }
}

impl ConsumerDefinition {
    /// With its settings, under another name and with other filters.
    pub(crate) fn named(&self, name: String, filter_subjects: Vec<String>) -> pull::Config {
        pull::Config {
            durable_name: Some(name),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(self.ack_wait_s),
            max_deliver: self.max_deliver,
            max_ack_pending: self.max_ack_pending,
            filter_subjects,
            ..pull::Config::default()
        }
    }
}

/// The filters of a consumer, however many.
pub(crate) fn filters_of(found: &consumer::Config) -> Vec<String> {
    let one = Some(&found.filter_subject).filter(|filter| !filter.is_empty());
    found.filter_subjects.iter().chain(one).cloned().collect()
}

/// Each setting of a consumer that differs from what is declared.
pub(crate) fn drift_of(stream: &str, declared: &pull::Config, found: &consumer::Config) -> Vec<Drift> {
    let pairs = [
        ("filter_subjects", format!("{:?}", declared.filter_subjects), format!("{:?}", filters_of(found))),
        ("ack_wait", format!("{:?}", declared.ack_wait), format!("{:?}", found.ack_wait)),
        ("max_deliver", declared.max_deliver.to_string(), found.max_deliver.to_string()),
        ("max_ack_pending", declared.max_ack_pending.to_string(), found.max_ack_pending.to_string()),
    ];
    let what = format!("{stream}/{}", declared.durable_name.as_deref().unwrap_or_default());
    pairs
        .into_iter()
        .filter(|(_, declared, found)| declared != found)
        .map(|(setting, declared, found)| Drift {
            what: what.clone(),
            difference: format!("{setting} is {found}, declared {declared}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_streams_are_read_and_name_the_event_stream() {
        let names: Vec<_> = definitions().into_iter().map(|d| d.name).collect();
        assert!(names.contains(&EVENTS.to_owned()));
    }
}
