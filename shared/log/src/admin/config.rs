//! What is declared in `streams/`, as settings of the server.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use hilum_streams::{ConsumerDefinition, Retention, StreamDefinition};

/// The settings of a stream on a server that keeps so many replicas of it.
pub(super) fn stream_config(definition: &StreamDefinition, replicas: usize) -> Config {
    let newest = definition.retention == Retention::Newest;
    Config {
        name: definition.name.clone(),
        description: Some(definition.description.clone()),
        subjects: definition.subjects.clone(),
        retention: match definition.retention {
            Retention::Kept | Retention::Newest => RetentionPolicy::Limits,
            Retention::WorkQueue => RetentionPolicy::WorkQueue,
        },
        max_age: Duration::from_secs(definition.max_age_s),
        allow_message_schedules: definition.schedules,
        // The server wants these of a stream with schedules, whose fired messages it removes itself.
        allow_rollup: definition.schedules,
        // Only the newest have a limit: of the others neither lets go of a message, but with schedules the server
        // takes only the old one.
        discard: if definition.schedules || newest { DiscardPolicy::Old } else { DiscardPolicy::New },
        max_bytes: -1,
        max_messages: if newest { definition.max_messages } else { -1 },
        max_messages_per_subject: if newest { 1 } else { -1 },
        allow_direct: newest,
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: Duration::from_secs(definition.duplicate_window_s),
        max_message_size: definition.max_message_bytes,
        deny_delete: definition.retention == Retention::Kept,
        deny_purge: definition.retention == Retention::Kept,
        ..Config::default()
    }
}

/// The settings of a consumer, without its lanes.
pub(super) fn pull_config(definition: &ConsumerDefinition) -> pull::Config {
    named(definition, definition.name.clone(), definition.filter_subjects.clone())
}

/// The settings of a consumer and of each of its lanes.
pub(super) fn pull_configs(definition: &ConsumerDefinition) -> Vec<pull::Config> {
    let all = definition.with_lanes().into_iter();
    all.map(|(name, filters)| named(definition, name, filters)).collect()
}

fn named(definition: &ConsumerDefinition, name: String, filter_subjects: Vec<String>) -> pull::Config {
    pull::Config {
        durable_name: Some(name),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(definition.ack_wait_s),
        max_deliver: definition.max_deliver,
        max_ack_pending: definition.max_ack_pending,
        filter_subjects,
        ..pull::Config::default()
    }
}

/// The filters of a consumer, however many.
pub(super) fn filters_of(found: &consumer::Config) -> Vec<String> {
    let one = Some(&found.filter_subject).filter(|filter| !filter.is_empty());
    found.filter_subjects.iter().chain(one).cloned().collect()
}
