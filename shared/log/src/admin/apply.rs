//! Brings the streams and durable consumers of a server to what is declared in `streams/`.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures::future::BoxFuture;
use futures::{StreamExt as _, TryStreamExt as _};
use hilum_streams::{EVENTS, StreamDefinition, declared, definitions};

use super::config::{pull_configs, stream_config};
use super::drift::{Drift, MISSING, drift_from, drift_of};
use super::floors::{Floors, MadeAnew};
use super::positions::infos;
use super::site_consumers;
use crate::port::{Log, UnavailableError};

/// Consumers that are made or changed at a time.
const AT_ONCE: usize = 16;

/// The definitions can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server is away or refuses.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// A consumer is missing, and the record of where it stood was not read.
    #[error(
        "consumer {consumer} of the event log is missing, and where it stood is not known here; say with --store-url where \
         object storage is, whose records tell"
    )]
    UnknownFloor {
        /// Its name.
        consumer: String,
    },
}

/// Brings the server to the definitions of `streams/`, see [`apply`].
///
/// # Errors
/// When the server is away or refuses.
pub fn apply_definitions(log: &Log, replicas: usize) -> BoxFuture<'_, Result<Vec<Drift>, ApplyError>> {
    Box::pin(async move { apply(log, &definitions(), replicas).await })
}

/// As [`apply_definitions`], for a caller that knows the floors of consumers, or that says it does not (`None`): a consumer that is
/// missing in a log that has facts begins where it stood, and is not made when that is not known.
///
/// # Errors
/// As [`apply_definitions`]; [`ApplyError::UnknownFloor`] when a consumer is missing and `floors` is `None`.
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

/// As [`apply`], for a caller that knows the floors of consumers, or that says it does not, see [`apply_definitions_knowing`].
///
/// # Errors
/// As [`apply_definitions_knowing`].
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
            let stream = log.context.create_or_update_stream(stream_config(definition, replicas)).await;
            stream.map_err(UnavailableError::new("apply a stream definition"))?;
            let stream = log.context.get_stream(&definition.name).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            for consumer in definition.consumers.iter().filter(|consumer| consumer.lanes.is_some()) {
                Box::pin(site_consumers::take_over(log, &stream, consumer)).await?;
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
                None => begin(stream, &config, last_seq).await?,
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
    let all = definition.consumers.iter().flat_map(pull_configs).map(apply);
    let made: Vec<_> = futures::stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(made.into_iter().flatten().collect())
}

/// Where a consumer begins that is made now. A lane that nothing ever stood in begins at the end of the log, whose
/// beginning would only be searched for it.
async fn begin<I>(
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
