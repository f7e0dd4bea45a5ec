//! What time it is at the log's server. The times at which facts were stored are of its clock, so whatever counts from
//! them, a quiet time or a limit, counts by it; the clock of this machine may be wrong. The server is asked now and then,
//! and the monotonic clock of this machine carries its answer on. Decides nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio_util::sync::{CancellationToken, DropGuard};

use hilum_streams::EVENTS;

use super::error::UnavailableError;

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Before the first answer.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// Two clocks drift apart by less than one second in so many.
const DRIFT_ONE_IN: u32 = 2000;
/// A machine's clock is off when it differs by more.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

/// Name of the note of readiness on this.
pub const CLOCK_NOTE: &str = "clock";

/// Reads the clock of a machine.
pub type WallClock = fn() -> Timestamp;

/// The server's time, as far as it is known. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerClock(Arc<State>);

#[derive(Debug)]
struct State {
    wall: WallClock,
    /// What is measured counts from here.
    origin: Instant,
    measured: Mutex<Option<Measured>>,
    /// Stops the questions to the server when the last clone is dropped.
    _asking: DropGuard,
    asked: CancellationToken,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    at: Instant,
    bounds: Bounds,
}

/// Between which the server's time was when `origin` was now: it answered between the question and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    earliest: Timestamp,
    latest: Timestamp,
}

impl Bounds {
    /// The same, so long after.
    fn after(self, passed: Duration) -> Self {
        Self { earliest: later(self.earliest, passed), latest: later(self.latest, passed) }
    }

    /// What is left of them when the clocks may have drifted apart for so long.
    fn drifted(self, passed: Duration) -> Self {
        let drift = passed / DRIFT_ONE_IN;
        Self { earliest: earlier(self.earliest, drift), latest: later(self.latest, drift) }
    }

    /// What both allow; what was `found` last when they contradict each other: the server's clock was set, or another
    /// server answers.
    fn and(self, found: Self) -> Self {
        let both =
            Self { earliest: self.earliest.max(found.earliest), latest: self.latest.min(found.latest) };
        if both.earliest <= both.latest { both } else { found }
    }
}

impl Default for ServerClock {
    fn default() -> Self {
        Self::beside(Timestamp::now)
    }
}

impl ServerClock {
    /// The clock of a server that was not asked yet, on a machine whose clock is `wall`.
    pub fn beside(wall: WallClock) -> Self {
        let asked = CancellationToken::new();
        let (origin, measured) = (Instant::now(), Mutex::default());
        Self(Arc::new(State { wall, origin, measured, _asking: asked.clone().drop_guard(), asked }))
    }

    /// The time there: never later than it is, and earlier by no more than an answer takes. `None` before the first
    /// answer, and never again after it.
    pub fn now(&self) -> Option<Timestamp> {
        Some(self.bounds()?.earliest)
    }

    /// By how much at least this machine's clock is ahead of the server's; negative when it is behind.
    pub fn ahead(&self) -> Option<SignedDuration> {
        let Bounds { earliest, latest } = self.bounds()?;
        let wall = (self.0.wall)();
        Some(wall.duration_since(wall.clamp(earliest, latest)))
    }

    /// What somebody has to do when this machine's clock is off by more than a second.
    pub fn note(&self) -> Option<String> {
        let ahead = self.ahead().filter(|ahead| ahead.abs() > TOLERANCE)?;
        let side = if ahead.is_positive() { "ahead of" } else { "behind" };
        Some(format!(
            "the clock of this machine is {:.1} s {side} the event log's server: the times that facts made here give \
             of themselves are wrong by that, nothing is decided by them",
            ahead.abs().as_secs_f64()
        ))
    }

    fn bounds(&self) -> Option<Bounds> {
        let measured = (*self.0.measured.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(measured.bounds.after(self.0.origin.elapsed()).drifted(measured.at.elapsed()))
    }

    /// What time it is at the server, which is asked if it was not yet.
    pub(crate) async fn now_at(&self, context: &Context) -> Result<Timestamp, UnavailableError> {
        if self.now().is_none() {
            self.measure(ask(context)).await?;
        }
        self.now().ok_or_else(|| UnavailableError::new("ask for the server's time")("no answer"))
    }

    /// Takes in what the server says to `ask`.
    async fn measure<E>(&self, ask: impl Future<Output = Result<Timestamp, E>>) -> Result<(), E> {
        let origin = self.0.origin;
        let asked_at = origin.elapsed();
        let said = ask.await?;
        let found = Bounds { earliest: earlier(said, origin.elapsed()), latest: earlier(said, asked_at) };
        let mut measured = self.0.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let bounds = match *measured {
            Some(before) => before.bounds.drifted(before.at.elapsed()).and(found),
            None => found,
        };
        *measured = Some(Measured { at: Instant::now(), bounds });
        Ok(())
    }

    /// Asks the server as long as anybody has this clock; says when this machine's is off, once.
    pub(crate) fn keep_asking(&self, context: Context) {
        let (state, ended) = (Arc::downgrade(&self.0), self.0.asked.clone());
        tokio::spawn(async move {
            let mut was_off = false;
            loop {
                let Some(clock) = state.upgrade().map(ServerClock) else { return };
                let asked = clock.measure(ask(&context));
                let asked = tokio::select! {
                    asked = asked => asked,
                    () = ended.cancelled() => return,
                };
                clock.tell(&mut was_off);
                let wait = if asked.is_err() && clock.now().is_none() { ASK_AGAIN } else { ASK_EVERY };
                // It must not live for being asked.
                drop(clock);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = ended.cancelled() => return,
                }
            }
        });
    }

    fn tell(&self, was_off: &mut bool) {
        let Some(ahead) = self.ahead() else { return };
        metrics::gauge!("hilum_clock_ahead_seconds").set(ahead.as_secs_f64());
        let note = self.note();
        let is_off = note.is_some();
        match note {
            Some(note) if !*was_off => tracing::warn!(ahead_s = ahead.as_secs_f64(), "{note}"),
            None if *was_off => {
                tracing::info!("the clock of this machine agrees with the event log's server again")
            }
            _ => {}
        }
        *was_off = is_off;
    }
}

/// Any answer of JetStream about a stream says when it was given, by the clock that the stream's messages are stamped with.
async fn ask(context: &Context) -> Result<Timestamp, UnavailableError> {
    #[derive(Deserialize)]
    struct Stamped {
        ts: Timestamp,
    }
    let answer = context.request(format!("STREAM.INFO.{EVENTS}"), &()).await;
    let Stamped { ts } = answer.map_err(UnavailableError::new("ask for the server's time"))?;
    Ok(ts)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn fast() -> Timestamp {
        later(Timestamp::now(), 20 * S)
    }

    #[test]
    fn answers_narrow_what_is_known_and_one_that_contradicts_it_replaces_it() {
        let known = Bounds { earliest: at(10), latest: at(20) };
        let narrower = Bounds { earliest: at(15), latest: at(30) };
        assert_eq!(known.and(narrower), Bounds { earliest: at(15), latest: at(20) });
        let set_back = Bounds { earliest: at(1), latest: at(2) };
        assert_eq!(known.and(set_back), set_back);
        let drifted = known.drifted(S * DRIFT_ONE_IN);
        assert_eq!(drifted, Bounds { earliest: at(9), latest: at(21) });
        assert_eq!(known.after(S), Bounds { earliest: at(11), latest: at(21) });
    }

    #[tokio::test]
    async fn nothing_is_known_before_the_first_answer_and_then_it_goes_on_by_itself() {
        let clock = ServerClock::default();
        assert_eq!((clock.now(), clock.ahead(), clock.note()), (None, None, None));
        assert!(clock.measure(async { Err("away") }).await.is_err());
        assert_eq!(clock.now(), None);
        clock.measure(async { Ok::<_, &str>(at(0)) }).await.unwrap();
        let first = clock.now().unwrap();
        assert!(first <= later(at(0), S) && first > earlier(at(0), S), "{first}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(clock.now().unwrap() > later(first, Duration::from_millis(15)));
    }

    #[tokio::test]
    async fn a_slow_answer_makes_the_time_earlier_and_never_later() {
        let clock = ServerClock::default();
        let slow = async {
            let said = Timestamp::now();
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, &str>(said)
        };
        clock.measure(slow).await.unwrap();
        let late = Timestamp::now().duration_since(clock.now().unwrap());
        assert!(!late.is_negative() && late < SignedDuration::from_secs(1), "{late:?}");
        clock.measure(async { Ok::<_, &str>(Timestamp::now()) }).await.unwrap();
        assert_eq!(clock.ahead().unwrap().as_millis(), 0);
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_named_with_by_how_much() {
        let clock = ServerClock::beside(fast);
        clock.measure(async { Ok::<_, &str>(Timestamp::now()) }).await.unwrap();
        let note = clock.note().unwrap();
        assert!(note.contains("20.0 s ahead of"), "{note}");
        let right = ServerClock::default();
        right.measure(async { Ok::<_, &str>(Timestamp::now()) }).await.unwrap();
        assert_eq!(right.note(), None);
    }
}
