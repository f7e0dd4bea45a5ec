//! The server in memory as one process sees it: each call is a step that can be the process's last one, an answer can be
//! lost, and the server can be away or full. Which of it happens is drawn from the seed.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_log::{
    Advisory, Answer, AwayError, ConsumerPosition, LogServer, Publish, PublishFailure, Published, Recorded,
    StreamPosition,
};
use jiff::{SignedDuration, Timestamp};

use crate::memory::{Memory, StreamName, stream_of};
use crate::outside::Outside;
use crate::random::Random;

/// When it all begins.
pub(crate) const BEGIN: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The server and what happens to it, shared by all processes of one scenario.
pub struct World {
    /// What it keeps.
    pub memory: Memory,
    /// Simulated time.
    pub now: Timestamp,
    /// All chance of the scenario.
    pub(crate) random: Random,
    /// Nobody reaches the server before this.
    pub(crate) away_until: Timestamp,
    /// So many of a thousand answers are lost: half of them with what was asked for, half without.
    pub(crate) lost_per_mille: usize,
    /// The server takes a fact whatever stands in its place: a flaw.
    pub(crate) ignores_conditions: bool,
    /// Counts outages.
    pub(crate) connections: u64,
    /// Changes with whatever may let somebody go on.
    pub(crate) version: u64,
    /// Changes with whatever may let a reader of the log go on: a fact, or a fault.
    pub(crate) news: u64,
    /// What the step under way waits for.
    pub(crate) wait: Wait,
    /// The process of the step under way is to be killed.
    pub(crate) kill: bool,
    /// What is not the log.
    pub(crate) outside: Outside,
    /// What happened, if that is wanted.
    pub(crate) trace: Option<Vec<String>>,
}

/// What the futures that were polled wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// A time; the past if the next step can be taken at once.
    pub(crate) until: Timestamp,
    /// Anything new at the server.
    pub(crate) for_news: bool,
}

impl Wait {
    /// For nothing that the server knows of.
    pub(crate) const NOTHING: Self = Self { until: Timestamp::MAX, for_news: false };
}

/// The world, shared.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Of this seed; nothing has happened in it, and nothing goes wrong by itself.
    pub fn new(seed: u64) -> Self {
        Self::with_chance(Random::new(seed))
    }

    /// Of this chance.
    pub(crate) fn with_chance(random: Random) -> Self {
        Self(Arc::new(Mutex::new(World {
            memory: Memory::default(),
            now: BEGIN,
            random,
            away_until: BEGIN,
            lost_per_mille: 0,
            ignores_conditions: false,
            connections: 1,
            version: 0,
            news: 0,
            wait: Wait::NOTHING,
            kill: false,
            outside: Outside::default(),
            trace: None,
        })))
    }

    /// The world, for as long as the answer is kept.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in simulated time.
    pub async fn sleep(&self, time: SignedDuration) {
        let until = self.lock().now + time;
        Until { shared: self, until }.await;
    }

    /// Runs `work` to its end, alone; time passes whenever it waits.
    pub fn complete<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            self.lock().wait = Wait::NOTHING;
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
            let mut world = self.lock();
            let now = world.now.max(world.wait.until);
            assert!(now < Timestamp::MAX, "it waits for what never comes");
            world.now = now;
            world.memory.tick(now);
        }
    }

    /// Ends the process that runs this.
    pub(crate) async fn die(&self) {
        self.lock().kill = true;
        std::future::pending().await
    }

    /// One step: first the scheduler has its say, then `act` happens whole.
    async fn step<T>(&self, act: impl FnOnce(&mut World) -> T + Send) -> T {
        Step { shared: self, was_polled: false }.await;
        act(&mut self.lock())
    }

    async fn ask<T>(&self, act: impl FnOnce(&mut World) -> T + Send) -> Answer<T> {
        self.step(|world| {
            if world.is_away() || world.loses() {
                return Err(AwayError);
            }
            Ok(act(world))
        })
        .await
    }
}

impl World {
    /// Notes what happened, if that is wanted.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            let at = now.duration_since(BEGIN).as_secs_f64();
            trace.push(format!("{at:9.3} {}", what()));
        }
    }

    /// Whether nobody reaches the server.
    pub(crate) fn is_away(&self) -> bool {
        self.now < self.away_until
    }

    /// Whether an answer is lost now.
    pub(crate) fn loses(&mut self) -> bool {
        let times = self.lost_per_mille / 2;
        self.random.per_mille(times)
    }

    fn publish(&mut self, mut message: Publish) -> Result<Published, PublishFailure> {
        if self.ignores_conditions {
            message.expected_last = None;
        }
        if self.is_away() || self.loses() {
            return Err(PublishFailure::Away);
        }
        let subject = message.subject.clone();
        let published = self.memory.publish(message, self.now);
        self.version += 1;
        let is_new = published.is_ok_and(|published| !published.is_duplicate);
        self.news += u64::from(is_new && stream_of(&subject) == Some(StreamName::Events));
        let is_lost = published.is_ok() && self.loses();
        self.note(|| {
            let lost = if is_lost { ", and the answer is lost" } else { "" };
            match published {
                Ok(Published { seq, is_duplicate: false }) => format!("  {seq} {subject}{lost}"),
                Ok(Published { seq, .. }) => format!("  {subject} is at {seq} already{lost}"),
                Err(failure) => format!("  {subject} is refused: {failure:?}"),
            }
        });
        if is_lost { Err(PublishFailure::Away) } else { published }
    }
}

impl LogServer for Shared {
    fn is_connected(&self) -> bool {
        !self.lock().is_away()
    }

    fn connections(&self) -> u64 {
        self.lock().connections
    }

    fn position(&self) -> BoxFuture<'_, Result<StreamPosition, AwayError>> {
        Box::pin(self.ask(|world| StreamPosition {
            epoch: world.memory.epoch.to_string(),
            first_seq: world.memory.first_fact_seq(),
            last_seq: world.memory.last_seq(StreamName::Events),
            missing: world.memory.missing_facts(),
        }))
    }

    fn has_room(&self) -> BoxFuture<'_, Result<bool, AwayError>> {
        Box::pin(self.ask(|world| world.memory.has_room()))
    }

    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<Published, PublishFailure>> {
        Box::pin(self.step(|world| world.publish(message)))
    }

    fn schedule(
        &self,
        later: String,
        due: String,
        ticket: Bytes,
        wait: Duration,
    ) -> BoxFuture<'_, Answer<()>> {
        Box::pin(self.ask(move |world| {
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            world.note(|| format!("  {later} in {wait:#}"));
            world.memory.schedule(&later, due, ticket, world.now + wait, world.now);
            world.version += 1;
        }))
    }

    fn last_fact<'a>(&'a self, filter: &'a str) -> BoxFuture<'a, Answer<Option<Recorded>>> {
        Box::pin(self.ask(|world| world.memory.last(StreamName::Events, filter)?.fact().cloned()))
    }

    fn fact_at(&self, seq: u64) -> BoxFuture<'_, Answer<Option<Recorded>>> {
        Box::pin(self.ask(move |world| world.memory.at(StreamName::Events, seq)?.fact().cloned()))
    }

    fn count_facts<'a>(&'a self, filters: &'a [&'a str]) -> BoxFuture<'a, Answer<usize>> {
        Box::pin(self.ask(|world| {
            let count = |filter| world.memory.count(StreamName::Events, filter);
            filters.iter().map(|filter| count(filter)).sum()
        }))
    }

    fn next_fact<'a>(&'a self, after_seq: u64, filters: &'a [String]) -> BoxFuture<'a, Answer<Recorded>> {
        Box::pin(async move {
            loop {
                let found = self.ask(|world| {
                    let found = world.memory.next(StreamName::Events, after_seq, filters);
                    found.and_then(|message| message.fact().cloned())
                });
                if let Some(fact) = found.await? {
                    return Ok(fact);
                }
                let news = self.lock().news;
                News { shared: self, news }.await;
            }
        })
    }

    fn last_message<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
    ) -> BoxFuture<'a, Answer<Option<(u64, Bytes)>>> {
        // Which stream it is follows from the subjects that it takes.
        let _ = stream;
        Box::pin(self.ask(|world| {
            let found = world.memory.last(stream_of(filter)?, filter)?;
            Some((found.seq, found.payload.clone()))
        }))
    }

    fn remove<'a>(&'a self, stream: &'a str, filter: &'a str) -> BoxFuture<'a, Answer<()>> {
        let _ = stream;
        Box::pin(self.ask(|world| {
            if let Some(name) = stream_of(filter) {
                world.memory.remove(name, filter);
            }
        }))
    }

    fn consumer_positions(&self) -> BoxFuture<'_, Answer<Vec<ConsumerPosition>>> {
        Box::pin(self.ask(|world| world.memory.positions()))
    }

    fn advisories_after(&self, seq: u64) -> BoxFuture<'_, Answer<Vec<Advisory>>> {
        Box::pin(self.ask(move |world| world.memory.advisories_after(seq)))
    }

    fn pause(&self, wait: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.sleep(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)))
    }
}

/// Pending once.
struct Step<'a> {
    shared: &'a Shared,
    was_polled: bool,
}

/// Pending until a time has come.
struct Until<'a> {
    shared: &'a Shared,
    until: Timestamp,
}

/// Pending until something new is at the server.
struct News<'a> {
    shared: &'a Shared,
    news: u64,
}

impl Future for Step<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.was_polled, true) {
            return Poll::Ready(());
        }
        self.shared.lock().wait.until = BEGIN;
        Poll::Pending
    }
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.shared.lock();
        if world.now >= self.until {
            return Poll::Ready(());
        }
        world.wait.until = world.wait.until.min(self.until);
        Poll::Pending
    }
}

impl Future for News<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.shared.lock();
        if world.news != self.news {
            return Poll::Ready(());
        }
        world.wait.for_news = true;
        Poll::Pending
    }
}
