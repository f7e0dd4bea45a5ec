//! Handing out work from durable consumers: taking what is most urgent, as much as fits in hand, until asked to
//! stop. What becomes of each message is decided in `settle`.

mod handle;
mod settle;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Message;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use handle::{Delivery, Failure, Handle};

use crate::connection::{Log, UnavailableError};
use settle::Bench;

/// After a reconnect the consumers are opened again, rather than waiting for their pulls to expire.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);

/// How a service works.
#[derive(Debug, Clone)]
pub struct WorkConfig {
    /// Durable consumers, most urgent first.
    pub consumers: Vec<String>,
    /// Messages in hand at a time.
    pub concurrency: usize,
    /// A message that takes longer than this is tried again.
    pub handle_limit: Duration,
    /// Deliveries after which a message that fails is parked.
    pub max_tries: u64,
    /// After a stop, how long what is in hand may take; the rest is handed back.
    pub drain_limit: Duration,
}

/// Work ended other than by being asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A handler said that going on would do harm.
    #[error("stopped at position {seq} of the event log")]
    Stopped {
        /// The message.
        seq: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Takes messages and handles them until `shutdown`, then drains. Waits whenever the server is away.
///
/// # Errors
/// When a handler said stop.
pub async fn work<H: Handle>(
    log: &Log,
    handler: Arc<H>,
    config: &WorkConfig,
    shutdown: &CancellationToken,
) -> Result<(), WorkError> {
    let (stopped_tx, mut stopped_rx) = tokio::sync::mpsc::channel(1);
    let bench = Arc::new(Bench {
        log: log.clone(),
        config: config.clone(),
        hand_back: CancellationToken::new(),
        stopped: stopped_tx,
    });
    let tasks = TaskTracker::new();
    let stopped = tokio::select! {
        stopped = stopped_rx.recv() => stopped,
        () = bench.take_forever(&handler, &tasks, shutdown) => None,
    };
    tasks.close();
    if tokio::time::timeout(config.drain_limit, tasks.wait()).await.is_err() {
        tracing::warn!(in_hand = tasks.len(), "handing back what is not done in time");
        bench.hand_back.cancel();
        tasks.wait().await;
    }
    match stopped {
        Some(error) => Err(error),
        None => stopped_rx.try_recv().map_or(Ok(()), Err),
    }
}

/// An open durable consumer and how often to report progress to it.
struct Source {
    consumer: String,
    beat: Duration,
    messages: BoxStream<'static, Result<Message, UnavailableError>>,
}

impl Bench {
    async fn take_forever<H: Handle>(
        self: &Arc<Self>,
        handler: &Arc<H>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let slots = Arc::new(Semaphore::new(self.config.concurrency));
        while !shutdown.is_cancelled() {
            let taken = tokio::select! {
                () = shutdown.cancelled() => return,
                taken = self.take_until_error(handler, tasks, &slots) => taken,
            };
            let error: &dyn Error = &taken;
            tracing::warn!(error, "cannot take work; trying again");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }

    async fn take_until_error<H: Handle>(
        self: &Arc<Self>,
        handler: &Arc<H>,
        tasks: &TaskTracker,
        slots: &Arc<Semaphore>,
    ) -> UnavailableError {
        let mut sources = Vec::new();
        for consumer in &self.config.consumers {
            match self.open(consumer).await {
                Ok(source) => sources.push(source),
                Err(error) => return error,
            }
        }
        let connections = self.log.connections();
        loop {
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            let Ok(ready) = tokio::time::timeout(LOOK_AT_CONNECTION_EVERY, first_ready(&mut sources)).await
            else {
                if self.log.connections() == connections {
                    continue;
                }
                return UnavailableError::new("pull from a consumer")("the connection was made anew");
            };
            let (source, message) = ready;
            let message = match message {
                Ok(message) => message,
                Err(error) => return error,
            };
            let (consumer, beat) = (source.consumer.clone(), source.beat);
            let (bench, handler) = (self.clone(), handler.clone());
            tasks.spawn(async move {
                bench.settle(&*handler, &consumer, beat, message).await;
                drop(slot);
            });
        }
    }

    async fn open(&self, name: &str) -> Result<Source, UnavailableError> {
        let stream = self.log.events().await?;
        let consumer: Consumer<pull::Config> =
            stream.get_consumer(name).await.map_err(|error| error.to_string()).map_err(
                UnavailableError::new("open a durable consumer; apply the definitions of streams/ first"),
            )?;
        let ack_wait = consumer.cached_info().config.ack_wait;
        // One message per request: what is not in hand stays with the server, for others.
        let messages = consumer.stream().max_messages_per_batch(1).expires(Duration::from_secs(30));
        let messages = messages.messages().await.map_err(UnavailableError::new("pull from a consumer"))?;
        let messages = messages
            .map(|message| message.map_err(UnavailableError::new("pull from a consumer")))
            .chain(futures::stream::once(async {
                Err(UnavailableError::new("pull from a consumer")("the server ended the pull"))
            }));
        Ok(Source { consumer: name.to_owned(), beat: ack_wait / 3, messages: messages.boxed() })
    }
}

/// Waits for a message; when several sources have one, the most urgent gives.
async fn first_ready(sources: &mut [Source]) -> (&Source, Result<Message, UnavailableError>) {
    let (index, message) = std::future::poll_fn(|context| {
        for (index, source) in sources.iter_mut().enumerate() {
            if let std::task::Poll::Ready(Some(message)) = source.messages.poll_next_unpin(context) {
                return std::task::Poll::Ready((index, message));
            }
        }
        std::task::Poll::Pending
    })
    .await;
    (&sources[index], message)
}
