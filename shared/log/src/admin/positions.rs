//! How far the consumers are and what waits at them.

use std::collections::HashMap;

use async_nats::jetstream::consumer;
use async_nats::jetstream::stream::Stream;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use hilum_streams::{
    ConsumerPosition, EVENTS, Lanes, QueueDepth, declared_consumers, lane_name, streams_with_consumers,
};

use crate::port::{Log, UnavailableError, asked};

/// A declared consumer or one of its lanes, as the server has it.
pub(crate) struct FoundConsumer {
    /// Its name as declared in `streams/`.
    pub(crate) consumer: String,
    pub(crate) lane: Option<u16>,
    pub(crate) info: consumer::Info,
}

const LIST: &str = "list the consumers of a stream";

/// All consumers of a stream, by name.
pub(crate) async fn infos<I>(
    stream: &Stream<I>,
) -> Result<HashMap<String, consumer::Info>, UnavailableError> {
    let infos: Vec<consumer::Info> =
        stream.consumers().try_collect().await.map_err(UnavailableError::new(LIST))?;
    Ok(infos.into_iter().map(|info| (info.name.clone(), info)).collect())
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
            let position = |FoundConsumer { consumer, lane, info }| ConsumerPosition {
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
            for stream in streams_with_consumers() {
                let found = Box::pin(self.consumers_of(&stream)).await?;
                depths.extend(found.into_iter().map(|FoundConsumer { consumer, lane, info }| QueueDepth {
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

    /// The declared consumers of a stream and their lanes, in the order of their declaration, all of them or none.
    pub(crate) async fn consumers_of(&self, stream: &str) -> Result<Vec<FoundConsumer>, UnavailableError> {
        let server = self.context.get_stream_no_info(stream).await;
        let server = server.map_err(UnavailableError::new("open a stream"))?;
        let mut infos = infos(&server).await?;
        let mut found = Vec::new();
        for declared in declared_consumers(stream) {
            let consumer = &declared.name;
            let lanes = 0..declared.lanes.map_or(0, Lanes::count);
            for lane in [None].into_iter().chain(lanes.map(Some)) {
                let name = lane.map_or_else(|| consumer.clone(), |lane| lane_name(consumer, lane));
                // A consumer of a cluster that has no leader at the moment is left out by the server.
                let info = infos.remove(&name).ok_or_else(|| {
                    format!("the server did not tell of {name}; `hilum streams apply` makes what is missing")
                });
                let info = info.map_err(UnavailableError::new(LIST))?;
                found.push(FoundConsumer { consumer: consumer.clone(), lane, info });
            }
        }
        Ok(found)
    }
}
