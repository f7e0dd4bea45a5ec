//! Keeps count of who waits in which lane, by following the requests and by asking how far the lanes are. Whoever writes requests
//! needs it to choose their lanes, ingest to tell a flood from other sites, people to see who has sent it.

use std::time::Duration;

use futures::future::BoxFuture;
use hilum_events::all_requests_filter;
use hilum_streams::{EVENTS, lanes_of};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::positions::FoundConsumer;
use crate::port::{Follower, Log, OtherLog, Progress, SiteQueue, UnavailableError};

/// While nothing waits the server is not asked at all.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Requests that are noted at a time.
const BATCH: usize = 512;

impl Log {
    /// How many messages of each site wait or are in hand at the consumers with lanes. Empty in a process that does not run
    /// [`Log::watch_waiting`].
    pub fn waiting_by_site(&self) -> Vec<SiteQueue> {
        self.waiting.by_site()
    }

    /// Keeps count of who waits in which lane, until `shutdown`. A process that writes requests needs it: without it they
    /// all go to the common lanes, where a flood stands before others. Waits whenever the server is away.
    pub fn watch_waiting<'a>(&'a self, shutdown: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.watch_for_ever() => {}
            }
            self.waiting.end();
        })
    }

    async fn watch_for_ever(&self) {
        loop {
            let other = self.watch_one_log().await;
            tracing::warn!("looking anew who waits: {other}");
            self.waiting.forget();
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
        self.waiting.keep();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let waits = !self.waiting.is_empty();
            tokio::select! {
                requests = follower.next_batch(BATCH) => match requests {
                    Ok(requests) => {
                        requests.iter().for_each(|request| self.waiting.note(&request.subject, request.seq));
                    }
                    Err(other) => return other,
                },
                _ = looks.tick(), if waits => {
                    // What is not known to be settled goes on counting.
                    if let Ok(found) = Box::pin(self.consumers_of(EVENTS)).await {
                        self.note_progress(&found);
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
            let is_laned = lanes_of(&found.consumer).is_some();
            is_laned && found.info.num_pending + found.info.num_ack_pending as u64 > 0
        });
        let after = open.map(|found| found.info.ack_floor.stream_sequence).fold(last_seq, u64::min);
        self.note_progress(&found);
        Ok(self.follow_places(after, &[&all_requests_filter()]))
    }

    fn note_progress(&self, found: &[FoundConsumer]) {
        for FoundConsumer { consumer, lane, info } in found {
            let progress = Progress {
                delivered_seq: info.delivered.stream_sequence,
                ack_floor_seq: info.ack_floor.stream_sequence,
                in_hand: info.num_ack_pending as u64,
            };
            self.waiting.advance(consumer, *lane, progress);
        }
    }
}
