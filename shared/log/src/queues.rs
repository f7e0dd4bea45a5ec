//! How far the consumers are and what waits at them.

use futures::future::BoxFuture;

use crate::connection::{Log, UnavailableError};
use crate::definition::EVENTS;
use crate::lane::{self, Found};
use crate::server::asked;

/// What waits at a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDepth {
    /// The consumer, as declared.
    pub consumer: String,
    /// The lane, when this is one.
    pub lane: Option<u16>,
    /// Messages not yet handed out.
    pub waiting: u64,
    /// Messages handed out and not yet settled.
    pub in_hand: u64,
    /// Deliveries that are settled, since the consumer was made; one that is repeated counts again.
    pub settled: u64,
}

/// How far a consumer has come in the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerPosition {
    /// The consumer, as declared.
    pub consumer: String,
    /// The lane, when this is one.
    pub lane: Option<u16>,
    /// The furthest position that it has handed out.
    pub delivered_seq: u64,
    /// All that it handed out up to here is settled.
    pub ack_floor_seq: u64,
    /// Messages not yet handed out.
    pub waiting: u64,
    /// Messages handed out and not yet settled.
    pub in_hand: u64,
}

impl Log {
    /// How far each consumer that hands out facts as work has come, their lanes among them.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn consumer_positions(&self) -> BoxFuture<'_, Result<Vec<ConsumerPosition>, UnavailableError>> {
        Box::pin(async move {
            if let Some(server) = &self.server {
                return asked("ask how far the consumers are", server.consumer_positions()).await;
            }
            let found = Box::pin(self.consumers_of(EVENTS)).await?;
            let position = |Found { consumer, lane, info }| ConsumerPosition {
                consumer,
                lane,
                delivered_seq: info.delivered.stream_sequence,
                ack_floor_seq: info.ack_floor.stream_sequence,
                waiting: info.num_pending,
                in_hand: info.num_ack_pending as u64,
            };
            Ok(found.into_iter().map(position).collect())
        })
    }

    /// What waits at each consumer of the event stream, their lanes among them, and among the retries.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn queue_depths(&self) -> BoxFuture<'_, Result<Vec<QueueDepth>, UnavailableError>> {
        Box::pin(async move {
            let mut depths = Vec::new();
            for stream in lane::streams_with_consumers() {
                let found = Box::pin(self.consumers_of(&stream)).await?;
                depths.extend(found.into_iter().map(|Found { consumer, lane, info }| QueueDepth {
                    consumer,
                    lane,
                    waiting: info.num_pending,
                    in_hand: info.num_ack_pending as u64,
                    settled: info.delivered.consumer_sequence.saturating_sub(info.num_ack_pending as u64),
                }));
            }
            Ok(depths)
        })
    }

    /// How many consumers the event stream has, whosever they are. The server allows a number of them.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn consumer_count(&self) -> BoxFuture<'_, Result<usize, UnavailableError>> {
        Box::pin(async move { Ok(self.events().await?.cached_info().state.consumer_count) })
    }
}
