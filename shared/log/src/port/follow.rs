//! Following the log in order, from a position that the follower keeps itself. Nothing is acknowledged
//! and nothing is lost: after any failure it goes on behind the last message it gave out, if that still stands there: on
//! each new connection it may be another log that answers. A follower of the whole log is given one position after the
//! other: where one is missing it waits, and the hole is named (see `loss`).

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use hilum_events::EventId;
use tokio::time::Instant;

use super::error::UnavailableError;
use super::gap::{Gap, HoleError};
use super::log::Log;
use super::other_log::{OtherLog, SealError};
use super::recorded::{Recorded, of_message};
use super::server::asked;

/// After a reconnect the follower is opened again, rather than waiting for heartbeats to fail to come.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);
/// What is missing is looked for twice, with this pause, before it counts as a hole.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A follower that stands at a hole looks so often whether it was closed or accepted.
const LOOK_AT_HOLE_EVERY: Duration = Duration::from_secs(2);
/// After this time without a message a follower of the whole log asks whether it has come to its end.
const ASK_FOR_END_AFTER: Duration = Duration::from_secs(2);
/// And asks again so much later.
const ASK_FOR_END_EVERY: Duration = Duration::from_secs(10);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Reads the log in order. Waits for the server whenever it is away.
pub struct Follower {
    log: Log,
    filters: Vec<String>,
    /// Whether only where facts stand is read, and not what they say.
    places_only: bool,
    after_seq: u64,
    /// What stands at `after_seq`, if that is known.
    after: Option<EventId>,
    messages: Option<Ordered>,
    /// The connection on which it was seen that the log is still the same.
    connections: u64,
    /// Since when the position behind `after_seq` was looked for in vain.
    missing_since: Option<Instant>,
    /// When to ask whether this is the end.
    ask_for_end_at: Instant,
}

/// Why there is no next message now.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    #[error("position {seq} of the event log is missing; looking again")]
    Missing { seq: u64 },
    #[error(transparent)]
    Hole(#[from] HoleError),
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
}

impl From<SealError> for FollowError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Mismatch(other) => Self::OtherLog(other),
            SealError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl Log {
    /// Follows the facts under `filters` (all when empty) that stand behind position `after_seq`.
    pub fn follow(&self, after_seq: u64, filters: &[&str]) -> Follower {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        Follower {
            log: self.clone(),
            filters,
            places_only: false,
            after_seq,
            after: None,
            messages: None,
            connections: 0,
            missing_since: None,
            ask_for_end_at: Instant::now() + ASK_FOR_END_AFTER,
        }
    }

    /// As [`Log::follow`], where the subjects tell enough: the server leaves the facts out.
    pub(crate) fn follow_places(&self, after_seq: u64, filters: &[&str]) -> Follower {
        Follower { places_only: true, ..self.follow(after_seq, filters) }
    }
}

impl Follower {
    /// Gives what stands at the position behind which it begins: the log is compared with that, too.
    #[must_use]
    pub fn behind(self, event_id: Option<EventId>) -> Self {
        Self { after: event_id, ..self }
    }

    /// Waits for the next message, also for the log of which it gave out the last one. Cancel safe.
    #[allow(clippy::should_implement_trait, reason = "it never ends, and is awaited")]
    pub fn next(&mut self) -> BoxFuture<'_, Recorded> {
        Box::pin(async move {
            loop {
                match self.next_or_other_log().await {
                    Ok(recorded) => return recorded,
                    Err(other) => {
                        tracing::error!("{other}");
                        self.log.pause(LOOK_AT_HOLE_EVERY).await;
                    }
                }
            }
        })
    }

    /// Waits for one message and takes those that are there already, `max` at most. Cancel safe.
    ///
    /// # Errors
    /// When another event than was given out last stands in its place: what was given out may be of another log. One that
    /// is only shorter is waited out.
    pub fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Recorded>, OtherLog>> {
        Box::pin(async move {
            let mut batch = vec![self.next_or_other_log().await?];
            while batch.len() < max {
                match self.try_next().now_or_never() {
                    Some(Ok(recorded)) => batch.push(recorded),
                    _ => break,
                }
            }
            Ok(batch)
        })
    }

    async fn next_or_other_log(&mut self) -> Result<Recorded, OtherLog> {
        loop {
            let error = match self.try_next().await {
                Ok(recorded) => return Ok(recorded),
                Err(error) => error,
            };
            self.messages = None;
            if let FollowError::OtherLog(other @ OtherLog::Event { .. }) = error {
                return Err(other);
            }
            self.log.pause(self.pause_after(&error)).await;
        }
    }

    /// Says what is wrong, a hole only once, and how long to wait.
    fn pause_after(&self, error: &FollowError) -> Duration {
        match error {
            FollowError::Unavailable(error) => {
                let (error, after_seq): (&dyn std::error::Error, _) = (error, self.after_seq);
                tracing::warn!(error, after_seq, "cannot follow the event log; trying again");
                TRY_AGAIN_AFTER
            }
            FollowError::Missing { .. } => LOOK_AGAIN_AFTER,
            FollowError::Hole(HoleError(gap)) => {
                if self.log.known.note_hole(Some(*gap)) {
                    tracing::error!("{error}");
                }
                LOOK_AT_HOLE_EVERY
            }
            FollowError::OtherLog(other) => {
                tracing::debug!("{other}");
                TRY_AGAIN_AFTER
            }
        }
    }

    async fn try_next(&mut self) -> Result<Recorded, FollowError> {
        loop {
            let last_missing = match self.next_fact().await? {
                Next::Fact(recorded) if recorded.seq <= self.after_seq => {
                    // When the client makes its consumer anew before the first message came, it forgets where to start.
                    self.messages = None;
                    continue;
                }
                Next::Fact(recorded) if self.filters.is_empty() && recorded.seq > self.after_seq + 1 => {
                    // It comes again behind the gap.
                    self.messages = None;
                    recorded.seq - 1
                }
                Next::Fact(recorded) => return Ok(self.given_out(*recorded)),
                // Nothing more comes, though the log goes on.
                Next::CutShortAt(last_seq) => last_seq,
            };
            if let Some(recorded) = self.beyond_gap(last_missing).await? {
                return Ok(self.given_out(recorded));
            }
        }
    }

    /// The message behind the last one, if any server has it. `None` when it is lost, and that was accepted: then the
    /// follower stands behind what is lost, at `last_missing` at most.
    async fn beyond_gap(&mut self, last_missing: u64) -> Result<Option<Recorded>, FollowError> {
        let gap = Gap { first_seq: self.after_seq + 1, last_seq: last_missing };
        if let Some(recorded) = self.log.at_any_server(gap.first_seq).await? {
            return Ok(Some(recorded));
        }
        let accepted = self.log.accepted_losses().await?;
        if let Some(accepted) = accepted.into_iter().find(|accepted| accepted.has(gap.first_seq)) {
            let passed = Gap { last_seq: gap.last_seq.min(accepted.last_seq), ..gap };
            tracing::warn!("passing over {passed} of the event log, whose loss was accepted");
            metrics::counter!("hilum_log_positions_passed_over_total").increment(passed.count());
            self.passed_to(passed.last_seq, None);
            return Ok(None);
        }
        if self.missing_since.get_or_insert_with(Instant::now).elapsed() < LOOK_AGAIN_AFTER {
            return Err(FollowError::Missing { seq: gap.first_seq });
        }
        Err(HoleError(gap).into())
    }

    fn given_out(&mut self, recorded: Recorded) -> Recorded {
        self.log.has_read(&recorded);
        self.passed_to(recorded.seq, recorded.envelope().map(|envelope| envelope.event_id));
        recorded
    }

    fn passed_to(&mut self, seq: u64, event_id: Option<EventId>) {
        if self.missing_since.take().is_some() {
            self.log.known.note_hole(None);
        }
        (self.after_seq, self.after) = (seq, event_id);
        self.ask_for_end_at = Instant::now() + ASK_FOR_END_AFTER;
    }

    /// Looks on a new connection whether the log is still the one of which the last message was given out.
    async fn see_same_log(&mut self) -> Result<(), SealError> {
        let connections = self.log.connections();
        if self.connections == connections {
            return Ok(());
        }
        self.messages = None;
        if self.after.is_some() {
            let found = self.log.position().await?.last_seq;
            if found < self.after_seq {
                return Err(OtherLog::Shorter { found, known: self.after_seq }.into());
            }
            self.log.check_event(self.after_seq, self.after).await?;
        }
        self.connections = connections;
        Ok(())
    }

    async fn next_fact(&mut self) -> Result<Next, FollowError> {
        self.see_same_log().await?;
        if let Some(server) = &self.log.server {
            let next = server.next_fact(self.after_seq, &self.filters);
            return Ok(Next::Fact(Box::new(asked("follow the event log", next).await?)));
        }
        loop {
            self.see_same_log().await?;
            if self.messages.is_none() {
                let opened = open(&self.log, self.filters.clone(), self.places_only, self.after_seq).await;
                self.log.standing.note("follow the event log", &opened);
                self.messages = Some(opened?);
            }
            let messages = self.messages.as_mut().expect("opened above");
            match tokio::time::timeout(LOOK_AT_CONNECTION_EVERY, messages.next()).await {
                // It may have come over another connection than the one that was looked at: it comes again.
                Ok(Some(_)) if self.connections != self.log.connections() => {}
                Ok(Some(message)) => {
                    let message = message.map_err(UnavailableError::new("read on in the event log"))?;
                    return Ok(Next::Fact(Box::new(of_message(&message)?)));
                }
                Ok(None) => self.messages = None,
                Err(_) => {
                    if let Some(last_seq) = self.cut_short_at().await? {
                        return Ok(Next::CutShortAt(last_seq));
                    }
                }
            }
        }
    }

    /// Where the log ends, when that is not where this follower of the whole log stands though nothing more comes.
    async fn cut_short_at(&mut self) -> Result<Option<u64>, UnavailableError> {
        if !self.filters.is_empty() || Instant::now() < self.ask_for_end_at {
            return Ok(None);
        }
        self.ask_for_end_at = Instant::now() + ASK_FOR_END_EVERY;
        let last_seq = self.log.position().await?.last_seq;
        if last_seq <= self.after_seq {
            return Ok(None);
        }
        // Begun anew at the server, in case it is this consumer that stands still; and asked again soon.
        self.messages = None;
        self.ask_for_end_at = Instant::now();
        Ok(Some(last_seq))
    }
}

enum Next {
    Fact(Box<Recorded>),
    CutShortAt(u64),
}

/// Takes parts, not the follower: its stream of messages can't be shared between threads while this waits.
async fn open(
    log: &Log,
    filter_subjects: Vec<String>,
    headers_only: bool,
    after_seq: u64,
) -> Result<Ordered, UnavailableError> {
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after_seq + 1 },
        filter_subjects,
        headers_only,
        replay_policy: ReplayPolicy::Instant,
        ..OrderedConfig::default()
    };
    let consumer = log.events().await?.create_consumer(config).await;
    let consumer = consumer.map_err(UnavailableError::new("create a follower of the event log"))?;
    consumer.messages().await.map_err(UnavailableError::new("follow the event log"))
}
