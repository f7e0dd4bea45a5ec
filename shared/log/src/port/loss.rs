//! Facts that are missing in the log. The event stream lets go of nothing, so its positions follow one another; a gap is
//! damage on a disk, or a limit that somebody set. Whoever reads the whole log stops there, until a person has accepted the loss.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Info, Stream};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use hilum_events::{Envelope, Event, losses_filter};

use super::append::encode;
use super::append_error::AppendError;
use super::error::UnavailableError;
use super::gap::{Gap, MissingError, count_within};
use super::log::Log;
use super::position::StreamPosition;
use super::recorded::{Recorded, of_message};

/// How long a server is given to hand out one message.
const HAND_OUT_WITHIN: Duration = Duration::from_secs(1);
/// The server chooses which of the stream's servers a consumer is placed on: so often, for each of them, it is asked anew.
const PLACES_PER_SERVER: usize = 8;

impl Log {
    /// The hole at which a reader of the whole log stands, if it does.
    pub fn hole(&self) -> Option<Gap> {
        self.known.hole()
    }

    /// The losses that were accepted so far, in the order in which that was done.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn accepted_losses(&self) -> BoxFuture<'_, Result<Vec<Gap>, UnavailableError>> {
        Box::pin(async move {
            let filter = losses_filter();
            let gap = |recorded: Recorded| match recorded.content.ok()?.event {
                Event::LogLossAccepted(loss) => {
                    Some(Gap { first_seq: loss.first_seq, last_seq: loss.last_seq })
                }
                _ => None,
            };
            Ok(self.all_under(&[&filter]).await?.into_iter().filter_map(gap).collect())
        })
    }

    /// Whether the server knows positions of the log at which there is nothing any more, and nobody accepted that. What is
    /// damaged and not yet found to be, it counts as there.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn check_missing(
        &self,
        found: &StreamPosition,
    ) -> Result<Result<(), MissingError>, UnavailableError> {
        if found.missing <= self.known.explained() {
            return Ok(Ok(()));
        }
        let accepted = self.accepted_losses().await?;
        let accepted = count_within(accepted, found.first_seq, found.last_seq);
        if found.missing > accepted {
            return Ok(Err(MissingError { missing: found.missing - accepted }));
        }
        self.known.explain(found.missing);
        Ok(Ok(()))
    }

    /// The fact at `seq`, from whichever of the stream's servers still has it; `None` when none of them does.
    ///
    /// # Errors
    /// When not all of them can be asked.
    pub fn at_any_server(&self, seq: u64) -> BoxFuture<'_, Result<Option<Recorded>, UnavailableError>> {
        Box::pin(async move {
            if let Some(found) = self.at(seq).await? {
                return Ok(Some(found));
            }
            if self.server.is_some() {
                return Ok(None);
            }
            let stream = self.events().await?;
            let servers = servers_of(stream.cached_info());
            let mut asked = BTreeSet::new();
            for _ in 0..servers.len() * PLACES_PER_SERVER {
                if servers.len() < 2 || asked.is_superset(&servers) {
                    return Ok(None);
                }
                if let Some(found) = ask_one_more(&stream, seq, &mut asked).await? {
                    tracing::warn!(seq, "a server of the event stream lacks a fact that another one has");
                    return Ok(Some(found));
                }
            }
            let unasked: Vec<_> = servers.difference(&asked).cloned().collect();
            let missing = format!("{} could not be asked", unasked.join(", "));
            Err(UnavailableError::new("ask all servers of the event stream for a fact")(missing))
        })
    }

    /// Appends that a loss was accepted, also to a log that lost its head and that this process would not write to.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn accept_loss<'a>(&'a self, loss: &'a Envelope) -> BoxFuture<'a, Result<(), AppendError>> {
        Box::pin(async move {
            self.publish_once(loss, &encode(loss)?, 0).await?;
            Ok(())
        })
    }
}

fn servers_of(info: &Info) -> BTreeSet<String> {
    let Some(cluster) = &info.cluster else { return BTreeSet::new() };
    let replicas = cluster.replicas.iter().map(|peer| peer.name.clone());
    cluster.leader.iter().cloned().chain(replicas).collect()
}

/// Asks the server on which a consumer happens to be placed, unless it was asked before.
async fn ask_one_more(
    stream: &Stream,
    seq: u64,
    asked: &mut BTreeSet<String>,
) -> Result<Option<Recorded>, UnavailableError> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: seq },
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(10),
        ..pull::Config::default()
    };
    let consumer: PullConsumer =
        stream.create_consumer(config).await.map_err(UnavailableError::new("ask one server for a fact"))?;
    let info = consumer.cached_info();
    let server = info.cluster.as_ref().and_then(|cluster| cluster.leader.clone()).unwrap_or_default();
    let found = if asked.contains(&server) { None } else { first_of(&consumer).await? };
    // It would end by itself; when this fails, it does.
    let _ = stream.delete_consumer(&info.name).await;
    asked.insert(server);
    Ok(found.filter(|recorded| recorded.seq == seq))
}

/// The first message that it hands out, if there is any.
async fn first_of(consumer: &PullConsumer) -> Result<Option<Recorded>, UnavailableError> {
    const OPERATION: &str = "ask one server for a fact";
    let first = async {
        let batch = consumer.fetch().max_messages(1).messages().await;
        batch
            .map_err(UnavailableError::new(OPERATION))?
            .next()
            .await
            .transpose()
            .map_err(UnavailableError::new(OPERATION))
    };
    let first =
        tokio::time::timeout(HAND_OUT_WITHIN, first).await.map_err(UnavailableError::new(OPERATION))??;
    first.as_ref().map(of_message).transpose()
}
