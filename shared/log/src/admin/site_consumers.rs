//! Shares of earlier releases: each site that ever sent something had a durable consumer of its own, `infer-routine@north`.
//! What waits in them when this release comes is taken over by the declared consumer, and they are removed.

use async_nats::jetstream::consumer::{self, DeliverPolicy, pull};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};

use hilum_streams::{ConsumerDefinition, is_share};

use super::config::{filters_of, pull_config};
use super::positions::infos;
use crate::port::{Log, UnavailableError};

/// In the place of the site in the filters that the declared consumer had while it was only the pattern of its shares.
const NOBODY: &str = ".@.";
const TAKE_OVER: &str = "take over the shares of sites";

/// Has the declared consumer hand out what its shares have not settled, then removes them. At no time there is a consumer
/// more than before. Cut off at any point, it is done again with the same outcome: shares are removed when the declared
/// consumer stands before all that they have not settled. What one of them settled behind that comes again, and its handler
/// sees that it was done.
pub(super) async fn take_over<I>(
    log: &Log,
    stream: &Stream<I>,
    consumer: &ConsumerDefinition,
) -> Result<(), UnavailableError> {
    // Before the shares: what comes while they are looked at stands behind it.
    let last_seq = log.position().await?.last_seq;
    let found = infos(stream).await?;
    let shares: Vec<_> = found.values().filter(|info| is_share(&consumer.name, &info.name)).collect();
    let declared = found.get(&consumer.name);
    let is_pattern = declared.is_some_and(|info| is_pattern(&info.config));
    if is_pattern || (declared.is_none() && !shares.is_empty()) {
        let mut start_sequence = last_seq + 1;
        for share in shares.iter().filter(|share| share.num_pending + share.num_ack_pending as u64 > 0) {
            start_sequence = start_sequence.min(first_open(stream, share).await?.unwrap_or(u64::MAX));
        }
        tracing::info!(consumer = consumer.name, shares = shares.len(), start_sequence, "taking over shares");
        if is_pattern {
            let removed = stream.delete_consumer(&consumer.name).await;
            removed.map_err(UnavailableError::new(TAKE_OVER))?;
        }
        let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence };
        let config = pull_config(consumer);
        let made = stream.create_consumer_strict(pull::Config { deliver_policy, ..config }).await;
        made.map_err(UnavailableError::new(TAKE_OVER))?;
    }
    for share in shares {
        let removed = stream.delete_consumer(&share.name).await;
        removed.map_err(UnavailableError::new("remove the share of a site"))?;
    }
    Ok(())
}

/// The position of the first message that a share has not settled, if there is one.
async fn first_open<I>(stream: &Stream<I>, share: &consumer::Info) -> Result<Option<u64>, UnavailableError> {
    let begin = match share.config.deliver_policy {
        DeliverPolicy::ByStartSequence { start_sequence } => start_sequence,
        _ => 1,
    };
    let next = begin.max(share.ack_floor.stream_sequence + 1);
    let filter = filters_of(&share.config).into_iter().next().unwrap_or_default();
    match stream.raw_message_builder().sequence(next).next_by_subject(filter).send().await {
        Ok(message) => Ok(Some(message.sequence)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(UnavailableError::new(TAKE_OVER)(error)),
    }
}

fn is_pattern(found: &consumer::Config) -> bool {
    filters_of(found).iter().any(|filter| filter.contains(NOBODY))
}
