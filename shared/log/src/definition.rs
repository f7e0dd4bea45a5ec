//! The streams and durable consumers as declared in `streams/`, applied by one place and compared by all.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde::Deserialize;

use crate::connection::{Log, UnavailableError};

/// Name of the event stream.
pub(crate) const EVENTS: &str = "EVENTS";

const FILES: [&str; 2] =
    [include_str!("../../../streams/events.toml"), include_str!("../../../streams/dead-letters.toml")];

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
}

/// The definitions of `streams/`, as built into this release.
pub fn definitions() -> Vec<StreamDefinition> {
    FILES.iter().map(|text| toml::from_str(text).expect("a test reads the files of streams/")).collect()
}

pub(crate) fn work_consumers() -> Vec<String> {
    definitions().into_iter().flat_map(|d| d.consumers).map(|c| c.name).collect()
}

/// Makes what is missing and brings what differs to its definition. `replicas` is 1 for a single node, 3 for
/// production. Returns what had drifted.
///
/// # Errors
/// When the server is away or refuses.
pub async fn apply_definitions(log: &Log, replicas: usize) -> Result<Vec<Drift>, ApplyError> {
    let drifted = drift(log, replicas).await?;
    for definition in definitions() {
        let stream = log.context.create_or_update_stream(definition.config(replicas)).await;
        stream.map_err(UnavailableError::new("apply a stream definition"))?;
        let stream = log.context.get_stream(&definition.name).await;
        let stream = stream.map_err(UnavailableError::new("open a stream"))?;
        for consumer in &definition.consumers {
            let exists = stream.consumer_info(&consumer.name).await.is_ok();
            let config = consumer.config();
            if exists {
                let updated = stream.update_consumer(config).await;
                updated.map_err(UnavailableError::new("update a consumer"))?;
            } else {
                let created = stream.create_consumer_strict(config).await;
                created.map_err(UnavailableError::new("create a consumer"))?;
            }
        }
    }
    Ok(drifted)
}

/// Compares the server with the definitions; what is missing is not drift.
///
/// # Errors
/// When the server is away.
pub async fn drift(log: &Log, replicas: usize) -> Result<Vec<Drift>, UnavailableError> {
    let mut drifted = Vec::new();
    for definition in definitions() {
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
        note("max_age", format!("{:?}", declared.max_age), format!("{:?}", found.max_age));
        note("max_message_size", declared.max_message_size.to_string(), found.max_message_size.to_string());
        for consumer in &definition.consumers {
            let Ok(info) = stream.consumer_info(&consumer.name).await else { continue };
            drifted.extend(consumer.drift(&definition.name, &info.config));
        }
    }
    Ok(drifted)
}

impl StreamDefinition {
    fn config(&self, replicas: usize) -> Config {
        Config {
            name: self.name.clone(),
            description: Some(self.description.clone()),
            subjects: self.subjects.clone(),
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: replicas,
            duplicate_window: Duration::from_secs(self.duplicate_window_s),
            max_message_size: self.max_message_bytes,
            deny_delete: true,
            deny_purge: true,
            ..Config::default()
        }
    }
}

impl ConsumerDefinition {
    fn config(&self) -> pull::Config {
        pull::Config {
            durable_name: Some(self.name.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(self.ack_wait_s),
            max_deliver: self.max_deliver,
            max_ack_pending: self.max_ack_pending,
            filter_subjects: self.filter_subjects.clone(),
            ..pull::Config::default()
        }
    }

    fn drift(&self, stream: &str, found: &async_nats::jetstream::consumer::Config) -> Vec<Drift> {
        let mut found_filters = found.filter_subjects.clone();
        if !found.filter_subject.is_empty() {
            found_filters.push(found.filter_subject.clone());
        }
        let pairs = [
            ("filter_subjects", format!("{:?}", self.filter_subjects), format!("{found_filters:?}")),
            (
                "ack_wait",
                format!("{:?}", Duration::from_secs(self.ack_wait_s)),
                format!("{:?}", found.ack_wait),
            ),
            ("max_deliver", self.max_deliver.to_string(), found.max_deliver.to_string()),
            ("max_ack_pending", self.max_ack_pending.to_string(), found.max_ack_pending.to_string()),
        ];
        let what = format!("{stream}/{}", self.name);
        pairs
            .into_iter()
            .filter(|(_, declared, found)| declared != found)
            .map(|(setting, declared, found)| Drift {
                what: what.clone(),
                difference: format!("{setting} is {found}, declared {declared}"),
            })
            .collect()
    }
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
