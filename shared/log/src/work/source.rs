//! The durable consumers that a service takes from, with the one message of each that has come and waits for a
//! slot. A consumer with lanes is one of them for each lane, and one for what stands in none.

use std::task::Poll;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Message;
use futures::future::join_all;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use hilum_events::{Site, Subject};
use hilum_streams::{EVENTS, Lanes, RETRIES, lane_name, lanes_of, retry_consumer};
use tokio_util::sync::CancellationToken;

use super::calm::{Counted, Gate};
use super::choice::{Among, Candidate, Kind, next};
use super::pull::{PULL, one_by_one};
use super::turns::{Hold, Turns};
use crate::port::{Log, UnavailableError};

/// When a worker stops, messages that are on their way have come by then, or the server is away.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Consumers that are opened at a time.
const AT_ONCE: usize = 16;

/// A message to handle.
pub(super) struct Taken {
    pub(super) message: Message,
    pub(super) kind: Kind,
    /// The consumer of the fact as declared, also for a ticket or a lane.
    pub(super) consumer: String,
    /// How often to report progress.
    pub(super) beat: Duration,
    /// Both are kept as long as the message is in hand.
    pub(super) hold: Hold,
    pub(super) counted: Counted,
}

struct Source {
    /// How urgent its consumer is among those of the service: 0 for the most urgent.
    rank: usize,
    /// Its name as declared.
    consumer: String,
    /// On the server.
    name: String,
    kind: Kind,
    beat: Duration,
    /// Whether its sites are told apart.
    has_lanes: bool,
    messages: Option<BoxStream<'static, Result<(Message, Counted), UnavailableError>>>,
    waiting: Option<Waiting>,
    gate: Gate,
    closing: CancellationToken,
}

struct Waiting {
    message: Message,
    counted: Counted,
    /// The site in its subject.
    site: Option<Site>,
    seq: u64,
    reported_at: Instant,
}

/// All sources of a service.
pub(super) struct Sources {
    all: Vec<Source>,
    turns: Turns,
    gate: Gate,
    closing: CancellationToken,
}

impl Sources {
    pub(super) fn new(consumers: &[String], gate: &Gate) -> Self {
        let mut sources = Self {
            all: Vec::new(),
            turns: Turns::default(),
            gate: gate.clone(),
            closing: CancellationToken::new(),
        };
        for (rank, consumer) in consumers.iter().enumerate() {
            sources.add(rank, consumer, consumer.clone(), Kind::Fresh);
            for lane in 0..lanes_of(consumer).map_or(0, Lanes::count) {
                sources.add(rank, consumer, lane_name(consumer, lane), Kind::Fresh);
            }
            sources.add(rank, consumer, retry_consumer(consumer), Kind::Retry);
        }
        sources
    }

    fn add(&mut self, rank: usize, consumer: &str, name: String, kind: Kind) {
        self.all.push(Source {
            rank,
            consumer: consumer.to_owned(),
            name,
            kind,
            beat: Duration::MAX,
            has_lanes: kind == Kind::Fresh && lanes_of(consumer).is_some(),
            messages: None,
            waiting: None,
            gate: self.gate.clone(),
            closing: self.closing.clone(),
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

    /// Opens all of them, also those that were open before.
    pub(super) async fn open(&mut self, log: &Log) -> Result<(), UnavailableError> {
        for source in &mut self.all {
            source.keep_what_came();
            source.messages = None;
        }
        stream::iter(self.all.iter_mut().map(Ok))
            .try_for_each_concurrent(AT_ONCE, |source| source.open(log))
            .await
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
                return Poll::Ready(message.unwrap_or_else(ended).map(|(message, counted)| {
                    source.waiting = Some(Waiting::new(message, counted));
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// Whether any of these messages waits.
    pub(super) fn has(&self, among: Among) -> bool {
        self.next(among, false).is_some()
    }

    /// The most urgent of these messages that waits; of the retries, when it is their turn.
    pub(super) fn take(&mut self, among: Among, retry_first: bool) -> Option<Taken> {
        let index = self.next(among, retry_first)?;
        let source = &mut self.all[index];
        let waiting = source.waiting.take()?;
        let hold = self.turns.take(waiting.site.as_ref().filter(|_| source.has_lanes));
        Some(Taken {
            message: waiting.message,
            counted: waiting.counted,
            kind: source.kind,
            consumer: source.consumer.clone(),
            beat: source.beat,
            hold,
        })
    }

    fn next(&self, among: Among, retry_first: bool) -> Option<usize> {
        let all = self.all.iter().enumerate();
        let waiting = all.filter_map(|(index, source)| Some((index, source.candidate(&self.turns)?)));
        next(waiting, among, retry_first)
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
    /// The message that waits here, as one that may be taken next.
    fn candidate(&self, turns: &Turns) -> Option<Candidate> {
        let Waiting { site, seq, .. } = self.waiting.as_ref()?;
        let site = site.as_ref().filter(|_| self.has_lanes);
        Some(Candidate {
            rank: self.rank,
            kind: self.kind,
            taken_at: turns.last(site),
            is_newcomer: site.is_some_and(|site| !turns.is_in_hand(site)),
            seq: *seq,
        })
    }

    /// Keeps a message that has come and was not looked at yet. It would be lost with the pull otherwise, until the server
    /// takes its worker for dead.
    fn keep_what_came(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let came = self.messages.as_mut().and_then(|messages| messages.next().now_or_never());
        if let Some(Some(Ok((message, counted)))) = came {
            self.waiting = Some(Waiting::new(message, counted));
        }
    }

    async fn hand_back(self) {
        if let Some(waiting) = self.waiting {
            nak(&waiting.message).await;
        }
        let Some(mut messages) = self.messages else { return };
        let rest = async {
            while let Some(Ok((message, _))) = messages.next().await {
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
        let consumer: Consumer<pull::Config> = stream.get_consumer(&self.name).await.map_err(
            UnavailableError::new("open a durable consumer; apply the definitions of streams/ first"),
        )?;
        self.beat = consumer.cached_info().config.ack_wait / 3;
        let messages = one_by_one(log.clone(), consumer, self.gate.clone(), self.closing.clone());
        self.messages = Some(messages.boxed());
        Ok(())
    }
}

impl Waiting {
    fn new(message: Message, counted: Counted) -> Self {
        let site = Subject::parse(&message.subject).and_then(|subject| subject.site());
        let seq = message.info().map_or(0, |info| info.stream_sequence);
        Self { message, counted, site, seq, reported_at: Instant::now() }
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
