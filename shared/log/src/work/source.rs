//! The durable consumers that a service takes from, with the one message of each that has come and waits for a
//! slot. A consumer with shares is one of them for each site.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Message;
use futures::future::join_all;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::calm::Gate;
use super::choice::{Among, Kind, Place, next_place};
use super::pull::{PULL, one_by_one};
use crate::connection::{Log, UnavailableError};
use crate::definition::{EVENTS, RETRIES, retry_consumer};
use crate::share;

/// What is on its way when a worker stops has come by then, or the server is away.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A message to handle.
pub(super) struct Taken {
    pub(super) message: Message,
    pub(super) kind: Kind,
    /// The consumer of the fact as declared, also for a ticket or a site's share.
    pub(super) consumer: String,
    /// How often to report progress.
    pub(super) beat: Duration,
    /// To be kept as long as the message is in hand.
    pub(super) hold: Hold,
}

/// Counts what is in hand of a source.
pub(super) type Hold = Arc<()>;

struct Source {
    /// Of its consumer among those of the service.
    rank: usize,
    /// As declared.
    consumer: String,
    /// On the server.
    name: String,
    kind: Kind,
    beat: Duration,
    /// The turn in which a message was last taken.
    taken_at: u64,
    hold: Hold,
    messages: Option<BoxStream<'static, Result<Message, UnavailableError>>>,
    waiting: Option<Waiting>,
    gate: Gate,
    closing: CancellationToken,
}

struct Waiting {
    message: Message,
    reported_at: Instant,
}

/// All sources of a service.
pub(super) struct Sources {
    all: Vec<Source>,
    /// How many messages were taken.
    turn: u64,
    gate: Gate,
    closing: CancellationToken,
}

impl Sources {
    pub(super) fn new(consumers: &[String], gate: &Gate) -> Self {
        let mut sources =
            Self { all: Vec::new(), turn: 0, gate: gate.clone(), closing: CancellationToken::new() };
        for (rank, consumer) in consumers.iter().enumerate() {
            sources.add(rank, consumer, consumer.clone(), Kind::Fresh);
            sources.add(rank, consumer, retry_consumer(consumer), Kind::Retry);
        }
        sources
    }

    fn add(&mut self, rank: usize, consumer: &str, name: String, kind: Kind) {
        let (gate, closing) = (self.gate.clone(), self.closing.clone());
        let (consumer, hold) = (consumer.to_owned(), Hold::default());
        let (beat, taken_at, messages, waiting) = (Duration::MAX, 0, None, None);
        self.all.push(Source {
            rank,
            consumer,
            name,
            kind,
            beat,
            taken_at,
            hold,
            messages,
            waiting,
            gate,
            closing,
        });
    }

    /// Takes also from the consumer with this name, which hands out tickets of `consumer` that not every worker can do.
    pub(super) fn add_need(&mut self, consumer: &str, name: String) {
        let pattern = self.all.iter().find(|source| source.consumer == consumer);
        let Some(rank) = pattern.map(|pattern| pattern.rank) else { return };
        if !self.all.iter().any(|source| source.name == name) {
            self.add(rank, consumer, name, Kind::Retry);
        }
    }

    /// Opens all declared consumers, also those that were open before; shares are open when they are named again.
    pub(super) async fn open(&mut self, log: &Log) -> Result<(), UnavailableError> {
        for source in &mut self.all {
            source.keep_what_came();
            source.messages = None;
            if !source.is_share() {
                source.open(log).await?;
            }
        }
        Ok(())
    }

    /// Opens the shares with these names that are not open, and forgets those that are gone.
    pub(super) async fn open_shares(&mut self, log: &Log, names: &[String]) -> Result<(), UnavailableError> {
        for name in names {
            let found = self.all.iter().position(|source| source.name == *name);
            let place = match found {
                Some(place) => place,
                None => {
                    let (consumer, _) = share::parts(name);
                    let pattern = self.all.iter().find(|source| source.name == consumer);
                    let Some(rank) = pattern.map(|pattern| pattern.rank) else { continue };
                    self.add(rank, consumer, name.clone(), Kind::Fresh);
                    self.all.len() - 1
                }
            };
            if self.all[place].messages.is_none() {
                self.all[place].open(log).await?;
            }
        }
        self.all
            .retain(|source| !source.is_share() || source.waiting.is_some() || names.contains(&source.name));
        Ok(())
    }

    /// The shortest time after which progress is to be reported, when all are open.
    pub(super) fn shortest_beat(&self) -> Duration {
        self.all.iter().map(|source| source.beat).min().unwrap_or(Duration::MAX)
    }

    /// Waits until one more message has come, at a source where none waits. Cancel safe.
    pub(super) async fn fill(&mut self) -> Result<(), UnavailableError> {
        std::future::poll_fn(|context| {
            for source in self.all.iter_mut().filter(|source| source.waiting.is_none()) {
                let Some(messages) = &mut source.messages else { continue };
                let Poll::Ready(message) = messages.poll_next_unpin(context) else { continue };
                let ended = || Err(UnavailableError::new(PULL)("the server ended the pull"));
                return Poll::Ready(message.unwrap_or_else(ended).map(|message| {
                    source.waiting = Some(Waiting { message, reported_at: Instant::now() });
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// Whether any of these messages waits.
    pub(super) fn has(&self, among: Among) -> bool {
        self.next_place(among, false).is_some()
    }

    /// The most urgent of these messages that waits; of the retries, when it is their turn.
    pub(super) fn take(&mut self, among: Among, retry_first: bool) -> Option<Taken> {
        let index = self.next_place(among, retry_first)?;
        let source = &mut self.all[index];
        let waiting = source.waiting.take()?;
        self.turn += 1;
        source.taken_at = self.turn;
        Some(Taken {
            message: waiting.message,
            kind: source.kind,
            consumer: source.consumer.clone(),
            beat: source.beat,
            hold: Arc::clone(&source.hold),
        })
    }

    fn next_place(&self, among: Among, retry_first: bool) -> Option<usize> {
        let all = self.all.iter().enumerate();
        let waiting = all.filter(|(_, source)| source.waiting.is_some());
        next_place(waiting.map(|(index, source)| (index, source.place())), among, retry_first)
    }

    /// Tells the server that what waits for a slot is not forgotten.
    pub(super) async fn keep_alive(&mut self) {
        for source in &mut self.all {
            let Some(waiting) = &mut source.waiting else { continue };
            if waiting.reported_at.elapsed() >= source.beat / 2 {
                waiting.reported_at = Instant::now();
                report_progress(&waiting.message).await;
            }
        }
    }

    /// Gives what waits for a slot to other workers, and what is still on its way to this one.
    pub(super) async fn hand_back(self) {
        self.closing.cancel();
        join_all(self.all.into_iter().map(Source::hand_back)).await;
    }
}

impl Source {
    fn is_share(&self) -> bool {
        self.kind == Kind::Fresh && self.name != self.consumer
    }

    fn place(&self) -> Place {
        let is_newcomer = self.is_share() && Arc::strong_count(&self.hold) == 1;
        Place { rank: self.rank, kind: self.kind, taken_at: self.taken_at, is_newcomer }
    }

    /// What has come and was not looked at yet would else be lost with the pull, until the server takes its worker for
    /// dead.
    fn keep_what_came(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let came = self.messages.as_mut().and_then(|messages| messages.next().now_or_never());
        if let Some(Some(Ok(message))) = came {
            self.waiting = Some(Waiting { message, reported_at: Instant::now() });
        }
    }

    async fn hand_back(self) {
        if let Some(waiting) = self.waiting {
            nak(&waiting.message).await;
        }
        let Some(mut messages) = self.messages else { return };
        let rest = async {
            while let Some(Ok(message)) = messages.next().await {
                nak(&message).await;
            }
        };
        if tokio::time::timeout(ON_ITS_WAY, rest).await.is_err() {
            tracing::debug!(consumer = self.name, "the server does not say what it has sent");
        }
    }

    async fn open(&mut self, log: &Log) -> Result<(), UnavailableError> {
        let stream = match self.kind {
            Kind::Fresh => EVENTS,
            Kind::Retry => RETRIES,
        };
        let stream = log.context.get_stream_no_info(stream).await;
        let stream = stream.map_err(UnavailableError::new("open a stream"))?;
        let consumer: Consumer<pull::Config> =
            stream.get_consumer(&self.name).await.map_err(|error| error.to_string()).map_err(
                UnavailableError::new("open a durable consumer; apply the definitions of streams/ first"),
            )?;
        self.beat = consumer.cached_info().config.ack_wait / 3;
        let messages = one_by_one(log.clone(), consumer, self.gate.clone(), self.closing.clone());
        self.messages = Some(messages.boxed());
        Ok(())
    }
}

/// Tells the server that the message is in hand.
pub(super) async fn report_progress(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Progress).await {
        tracing::debug!(error, "progress was not reported");
    }
}

/// Gives the message to another worker, at once.
pub(super) async fn nak(message: &Message) {
    if let Err(error) = message.ack_with(AckKind::Nak(None)).await {
        tracing::debug!(
            error,
            "negative acknowledgement was not sent; the message comes again after its ack wait"
        );
    }
}
