//! Who waits in which lane, kept by following the requests and by asking how far the lanes are. Who writes requests needs
//! it to choose their lanes, the door to tell a flood from others, people to see who has sent it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_events::{Site, Subject, all_requests_filter, in_lane};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::connection::{Log, UnavailableError};
use crate::definition::EVENTS;
use crate::follow::Follower;
use crate::lane::{self, Found};
use crate::ledger::{Ledger, Progress, unseen};
use crate::same::OtherLog;

/// While nothing waits the server is not asked at all.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Requests that are noted at a time.
const BATCH: usize = 512;

/// What a process knows of who waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    ledger: Mutex<Ledger>,
    /// Somebody keeps it. What nobody keeps is not filled either: it would never be emptied.
    is_kept: AtomicBool,
}

/// What waits of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteQueue {
    /// The consumer that hands it out, as declared.
    pub consumer: &'static str,
    /// Whose it is.
    pub site: Site,
    /// Messages that wait or are in hand.
    pub messages: u64,
}

/// Where a fact is written.
pub(crate) struct Spot {
    pub(crate) subject: String,
    /// The consumer, when it is one with lanes, and the lane.
    lane: Option<(&'static str, u16)>,
}

impl Waiting {
    /// Where a fact of `site` is written whose own subject is `subject`: a request in the lane that is best for it now.
    pub(crate) fn spot(&self, subject: String, site: &Site) -> Spot {
        let consumer = lane::consumer_for(&subject);
        let chosen = consumer.and_then(|consumer| {
            let is_kept = self.is_kept.load(Ordering::Relaxed);
            let lane = if is_kept { self.ledger().choose(consumer, site) } else { unseen(consumer, site) };
            Some((consumer, lane?))
        });
        match chosen {
            Some((_, lane)) => Spot { subject: in_lane(&subject, lane), lane: chosen },
            None => Spot { subject, lane: None },
        }
    }

    /// What was written at a spot stands at `seq`.
    pub(crate) fn written(&self, spot: &Spot, seq: u64, site: &Site) {
        if let Some((consumer, lane)) = spot.lane.filter(|_| self.is_kept.load(Ordering::Relaxed)) {
            self.ledger().note(consumer, Some(lane), seq, site);
        }
    }

    fn note(&self, subject: &str, seq: u64) {
        let Some(subject) = Subject::parse(subject) else { return };
        if let (Some(consumer), Some(site)) = (lane::consumer_for(subject.of_fact), subject.site()) {
            self.ledger().note(consumer, subject.lane, seq, &site);
        }
    }

    fn advance(&self, found: &[Found]) {
        let mut ledger = self.ledger();
        for Found { consumer, lane, info } in found {
            let progress = Progress {
                delivered_seq: info.delivered.stream_sequence,
                ack_floor_seq: info.ack_floor.stream_sequence,
                in_hand: info.num_ack_pending as u64,
            };
            ledger.advance(consumer, *lane, progress);
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// What waits or is in hand of each site that has some, at the consumers with lanes; nothing where nobody runs
    /// [`Log::watch_waiting`].
    pub fn waiting_by_site(&self) -> Vec<SiteQueue> {
        let sums = self.waiting.ledger().by_site();
        sums.into_iter().map(|((consumer, site), messages)| SiteQueue { consumer, site, messages }).collect()
    }

    /// Keeps count of who waits in which lane, until `shutdown`. A process that writes requests needs it: without it they
    /// all go to the common lanes, where a flood stands before others. Waits whenever the server is away.
    pub fn watch_waiting<'a>(&'a self, shutdown: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.watch_for_ever() => {}
            }
            self.waiting.is_kept.store(false, Ordering::Relaxed);
            *self.waiting.ledger() = Ledger::default();
        })
    }

    async fn watch_for_ever(&self) {
        loop {
            let other = self.watch_one_log().await;
            tracing::warn!("looking anew who waits: {other}");
            *self.waiting.ledger() = Ledger::default();
        }
    }

    async fn watch_one_log(&self) -> OtherLog {
        let mut follower = loop {
            match self.begin_to_watch().await {
                Ok(follower) => break follower,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::debug!(error, "cannot see yet who waits");
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        };
        self.waiting.is_kept.store(true, Ordering::Relaxed);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let waits = !self.waiting.ledger().is_empty();
            tokio::select! {
                requests = follower.next_batch(BATCH) => match requests {
                    Ok(requests) => {
                        requests.iter().for_each(|request| self.waiting.note(&request.subject, request.seq));
                    }
                    Err(other) => return other,
                },
                _ = looks.tick(), if waits => {
                    // What is not known to be settled counts on.
                    if let Ok(found) = Box::pin(self.consumers_of(EVENTS)).await {
                        self.waiting.advance(&found);
                    }
                }
            }
        }
    }

    /// Follows the requests from the oldest that is not settled: a start costs as much as waits, however long the log is.
    async fn begin_to_watch(&self) -> Result<Follower, UnavailableError> {
        // Before the lanes: what is written while they are looked at is followed.
        let last_seq = self.position().await?.last_seq;
        let found = Box::pin(self.consumers_of(EVENTS)).await?;
        let open = found.iter().filter(|found| {
            let is_laned = lane::lanes_of(&found.consumer).is_some();
            is_laned && found.info.num_pending + found.info.num_ack_pending as u64 > 0
        });
        let after = open.map(|found| found.info.ack_floor.stream_sequence).fold(last_seq, u64::min);
        self.waiting.advance(&found);
        Ok(self.follow_places(after, &[&all_requests_filter()]))
    }
}
