//! Handing out work from durable consumers, and the one place where the fate of a message is decided: done,
//! retry later, park, or stop.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Message;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use hilum_events::{Envelope, Event, JobDeadLettered};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::append::AppendError;
use crate::connection::{Log, UnavailableError};
use crate::dead_letter::DeadLetter;
use crate::recorded::{Place, Recorded, timestamp};
use crate::retry::Attempts;

/// Waits before a failed message comes again.
const REDELIVERY: Attempts = Attempts {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    give_up_after: Duration::from_secs(3600),
};

/// After a reconnect the consumers are opened again, rather than waiting for their pulls to expire.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);

/// What a service does with a message. Must be idempotent: a message can come more than once.
pub trait Handle: Send + Sync + 'static {
    /// Does the work; `Ok` settles the message.
    fn handle(&self, delivery: &Delivery) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A fact that was handed out as work.
#[derive(Debug)]
pub struct Delivery {
    /// The fact with its place.
    pub recorded: Recorded,
    /// The fact.
    pub envelope: Envelope,
    /// 1 for the first delivery.
    pub deliveries: u64,
}

/// Why a message was not handled. Every error decides here what becomes of its message.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The outside world failed: try again later.
    #[error("will be tried again")]
    Retry(#[source] Box<dyn Error + Send + Sync>),
    /// This message can't be handled: keep its story and go on.
    #[error("cannot be handled")]
    Park(#[source] Box<dyn Error + Send + Sync>),
    /// The log or the code is wrong: nothing more may be done.
    #[error("must not go on")]
    Stop(#[source] Box<dyn Error + Send + Sync>),
}

impl From<AppendError> for Failure {
    /// Only a claim expects that its place may be taken; for every other fact it means that two different
    /// facts have one subject, which the ids rule out.
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable(_) => Self::Retry(error.into()),
            AppendError::Taken(_) => Self::Stop(error.into()),
        }
    }
}

impl From<UnavailableError> for Failure {
    fn from(error: UnavailableError) -> Self {
        Self::Retry(error.into())
    }
}

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

/// What all messages in hand share.
struct Bench {
    log: Log,
    config: WorkConfig,
    hand_back: CancellationToken,
    stopped: tokio::sync::mpsc::Sender<WorkError>,
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

    /// Decides what becomes of one message.
    async fn settle<H: Handle>(&self, handler: &H, consumer: &str, beat: Duration, message: Message) {
        let begun = Instant::now();
        let (recorded, deliveries) = match place(&message) {
            Ok(placed) => placed,
            Err(error) => {
                let error: &dyn Error = &*error;
                return tracing::error!(error, consumer, "message without a place in the log");
            }
        };
        let span = tracing::info_span!("handle", otel.name = consumer, consumer, seq = recorded.seq);
        recorded.continue_trace_in(&span);
        if deliveries == 1 {
            let waited = Timestamp::now().duration_since(recorded.stored_at).as_secs_f64().max(0.0);
            metrics::histogram!("hilum_queue_wait_seconds", "consumer" => consumer.to_owned()).record(waited);
        }
        let outcome = self
            .handle_with_beat(handler, &message, beat, &recorded, deliveries)
            .instrument(span.clone())
            .await;
        let word = self.conclude(consumer, &message, &recorded, deliveries, outcome).instrument(span).await;
        metrics::counter!("hilum_work_total", "consumer" => consumer.to_owned(), "outcome" => word)
            .increment(1);
        metrics::histogram!("hilum_work_seconds", "consumer" => consumer.to_owned()).record(begun.elapsed());
    }

    /// Runs the handler, telling the server meanwhile that the message is in hand. `None`: handed back.
    async fn handle_with_beat<H: Handle>(
        &self,
        handler: &H,
        message: &Message,
        beat: Duration,
        recorded: &Recorded,
        deliveries: u64,
    ) -> Option<Result<(), Failure>> {
        let envelope = match &recorded.content {
            Ok(envelope) => envelope.clone(),
            Err(error) => return Some(Err(Failure::Park(error.clone().into()))),
        };
        let delivery = Delivery { recorded: recorded.clone(), envelope, deliveries };
        let work = tokio::time::timeout(self.config.handle_limit, handler.handle(&delivery));
        tokio::pin!(work);
        let mut beats = tokio::time::interval(beat);
        beats.tick().await;
        loop {
            tokio::select! {
                done = &mut work => {
                    return Some(done.unwrap_or_else(|_| {
                        Err(Failure::Retry(format!("took longer than {:?}", self.config.handle_limit).into()))
                    }));
                }
                () = self.hand_back.cancelled() => return None,
                _ = beats.tick() => {
                    if let Err(error) = message.ack_with(AckKind::Progress).await {
                        tracing::debug!(error, "progress was not reported");
                    }
                }
            }
        }
    }

    async fn conclude(
        &self,
        consumer: &str,
        message: &Message,
        recorded: &Recorded,
        deliveries: u64,
        outcome: Option<Result<(), Failure>>,
    ) -> &'static str {
        let seq = recorded.seq;
        let failure = match outcome {
            Some(Ok(())) => {
                // A lost acknowledgement brings the message again; handling it again changes nothing.
                if let Err(error) = message.double_ack().await {
                    tracing::debug!(error, seq, "acknowledgement was not confirmed");
                }
                return "done";
            }
            None => {
                nak(message, None).await;
                return "handed_back";
            }
            Some(Err(failure)) => failure,
        };
        let give_up = deliveries >= self.config.max_tries;
        match failure {
            Failure::Stop(source) => {
                tracing::error!(error = &*source as &dyn Error, seq, "stopping: going on would do harm");
                nak(message, Some(REDELIVERY.longest_wait)).await;
                let _ = self.stopped.try_send(WorkError::Stopped { seq, source });
                "stopped"
            }
            Failure::Retry(source) if !give_up => {
                let wait = REDELIVERY.wait_before(deliveries + 1);
                tracing::warn!(error = &*source as &dyn Error, seq, deliveries, ?wait, "will be tried again");
                nak(message, Some(wait)).await;
                "retried"
            }
            Failure::Retry(source) | Failure::Park(source) => {
                tracing::error!(
                    error = &*source as &dyn Error,
                    seq,
                    deliveries,
                    "parked in the dead-letter stream"
                );
                match self.park(consumer, recorded, deliveries, chain(&*source)).await {
                    Ok(()) => {
                        if let Err(error) = message.ack_with(AckKind::Term).await {
                            tracing::debug!(error, seq, "termination was not sent");
                        }
                        "parked"
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = &*error as &dyn Error,
                            seq,
                            "cannot park; will be tried again"
                        );
                        nak(message, Some(REDELIVERY.longest_wait)).await;
                        "retried"
                    }
                }
            }
        }
    }

    /// Keeps the story, then tells the job's fate; only then may the message end.
    async fn park(
        &self,
        consumer: &str,
        recorded: &Recorded,
        deliveries: u64,
        errors: Vec<String>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let reason = errors.join(": ");
        self.log.write_dead_letter(&DeadLetter::new(consumer, recorded, deliveries, errors)).await?;
        let Some(envelope) = recorded.envelope() else { return Ok(()) };
        let Some((job_id, reading_id)) = envelope.event.job() else { return Ok(()) };
        let event = Event::JobDeadLettered(JobDeadLettered {
            job_id,
            reading_id,
            consumer: consumer.to_owned(),
            stream_seq: recorded.seq,
            deliveries,
            reason,
        });
        self.log.append(&envelope.next(Timestamp::now(), event)).await?;
        Ok(())
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

fn place(message: &Message) -> Result<(Recorded, u64), Box<dyn Error + Send + Sync>> {
    let info = message.info()?;
    let place = Place {
        seq: info.stream_sequence,
        subject: &message.subject,
        stored_at: timestamp(info.published.unix_timestamp_nanos()),
        pending: info.pending,
    };
    let recorded = Recorded::new(place, message.headers.as_ref(), message.payload.clone());
    Ok((recorded, u64::try_from(info.delivered).unwrap_or(1)))
}

async fn nak(message: &Message, wait: Option<Duration>) {
    if let Err(error) = message.ack_with(AckKind::Nak(wait)).await {
        tracing::debug!(
            error,
            "negative acknowledgement was not sent; the message comes again after its ack wait"
        );
    }
}

fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}
