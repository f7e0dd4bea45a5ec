//! How the server differs from what is declared in `streams/`.

use async_nats::jetstream::consumer::{self, pull};
use async_nats::jetstream::stream::Config;
use futures::future::BoxFuture;
use hilum_streams::{ConsumerDefinition, EVENTS, StreamDefinition, definitions, is_share};

use super::config::{filters_of, pull_configs, stream_config};
use super::positions::infos;
use crate::port::{Log, UnavailableError};

/// What is said of a consumer that is not there.
pub(super) const MISSING: &str = "it is missing";

/// A setting on the server differs from its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Stream, or stream and consumer.
    pub what: String,
    /// Setting, with the declared and the found value.
    pub difference: String,
}

/// Compares the server with the definitions. What is missing is not drift, but for consumers of a log that has facts: those
/// were lost.
///
/// # Errors
/// When the server is away.
pub fn drift(log: &Log, replicas: usize) -> BoxFuture<'_, Result<Vec<Drift>, UnavailableError>> {
    Box::pin(async move { drift_from(log, &definitions(), replicas).await })
}

pub(super) async fn drift_from(
    log: &Log,
    definitions: &[StreamDefinition],
    replicas: usize,
) -> Result<Vec<Drift>, UnavailableError> {
    let mut drifted = Vec::new();
    for definition in definitions {
        let Ok(stream) = log.context.get_stream(&definition.name).await else { continue };
        let (declared, found) = (stream_config(definition, replicas), &stream.cached_info().config);
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
            for config in pull_configs(consumer) {
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
            drifted.extend(left_shares(&definition.name, consumer, infos.keys()));
        }
    }
    Ok(drifted)
}

/// Each setting of a consumer that differs from what is declared.
pub(super) fn drift_of(stream: &str, declared: &pull::Config, found: &consumer::Config) -> Vec<Drift> {
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

/// Consumers of single sites are drift: an earlier release left them, or still makes them.
fn left_shares<'a>(
    stream: &str,
    consumer: &ConsumerDefinition,
    names: impl Iterator<Item = &'a String>,
) -> Option<Drift> {
    let count = names.filter(|name| is_share(&consumer.name, name)).count();
    (count > 0).then(|| Drift {
        what: format!("{stream}/{}", consumer.name),
        difference: format!("{count} consumers of single sites are left from an earlier release"),
    })
}
