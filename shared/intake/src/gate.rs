//! Whether the door is open: only to a log that is known to be the right one, and only while what waits stays within
//! its bounds. Looks at the queues, says so when it opens or closes; decides nothing.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_events::{Priority, Site};
use hilum_log::{Log, QueueDepth, SiteQueue, service_of};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Bounds, Cause, Change, Found};
use crate::refusal::Refusal;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const LANES: [Priority; 2] = [Priority::Stat, Priority::Routine];

/// Shared by all uploads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    /// The log was compared with its seal.
    trusted: AtomicBool,
    admission: Mutex<Admission>,
    /// Whether the last upload was refused because something is away.
    away: AtomicBool,
    /// Whether it was said that nothing is taken, of whatever site and priority.
    full: AtomicBool,
}

/// An upload that was let in; it counts among those that wait until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    gate: Gate,
    lane: Priority,
    site: Site,
    stored: bool,
}

impl Gate {
    /// Closed, until [`Self::watch`] opens it.
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(State {
            trusted: AtomicBool::new(false),
            admission: Mutex::new(Admission::new(bounds)),
            away: AtomicBool::new(false),
            full: AtomicBool::new(false),
        }))
    }

    /// Whether an upload may begin whose site and priority are not known yet.
    pub(crate) fn pass(&self) -> Result<(), Refusal> {
        if !self.0.trusted.load(Ordering::Relaxed) {
            let source = "it was not yet compared with its seal".into();
            return Err(Refusal::Unavailable("the event log is being checked", source));
        }
        self.check_any()
    }

    /// Whether anything may come in; says so when nothing may, and when it may again.
    fn check_any(&self) -> Result<(), Refusal> {
        let (checked, waiting) = {
            let admission = self.admission();
            (admission.check_any(), admission.waiting())
        };
        match (checked.is_err(), self.0.full.swap(checked.is_err(), Ordering::Relaxed)) {
            (true, false) => tracing::warn!(waiting, "too many images wait; refusing all uploads"),
            (false, true) => tracing::info!(waiting, "not refusing all uploads any more"),
            _ => {}
        }
        Ok(checked?)
    }

    /// Lets the image of an upload in, or not.
    pub(crate) fn admit(&self, lane: Priority, site: &Site) -> Result<Counted, Refusal> {
        self.decide(|admission| admission.begin(lane, site))?;
        Ok(Counted { gate: self.clone(), lane, site: site.clone(), stored: false })
    }

    /// Says that uploads are refused because something is away, and that they are taken again: once each, for a
    /// line for every upload would drown the log.
    pub fn note<T>(&self, outcome: &Result<T, Refusal>) {
        match outcome {
            Err(refusal @ (Refusal::Unavailable(_, source) | Refusal::DiskFull(source))) => {
                if !self.0.away.swap(true, Ordering::Relaxed) {
                    let what = refusal.to_string();
                    tracing::warn!(error = &**source as &dyn Error, what, "refusing uploads");
                }
            }
            Ok(_) => {
                if self.0.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("taking uploads again");
                }
            }
            Err(_) => {}
        }
    }

    /// Opens to the log, which the caller has checked, and looks each second how many images wait; until
    /// `shutdown`.
    pub fn watch<'a>(&'a self, log: &'a Log, shutdown: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::join!(self.look_at_queues(log, shutdown), log.watch_waiting(shutdown));
        })
    }

    async fn look_at_queues(&self, log: &Log, shutdown: &CancellationToken) {
        self.0.trusted.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = looks.tick() => {}
            }
            let look = self.admission().begin_look();
            // When the log does not answer, uploads are refused for that.
            let Ok(depths) = log.queue_depths().await else { continue };
            let found = found(&depths, &log.waiting_by_site());
            self.decide(|admission| admission.end_look(look, begun.elapsed(), found));
            if self.0.full.load(Ordering::Relaxed) {
                _ = self.check_any();
            }
            self.measure();
        }
    }

    /// Has something decided, and says which lanes it opened or closed.
    fn decide<T>(&self, decide: impl FnOnce(&mut Admission) -> T) -> T {
        let mut admission = self.admission();
        let decided = decide(&mut admission);
        for Change { site, lane, closed } in admission.take_changes() {
            let (waiting, wait_s) = (admission.waiting(), admission.wait(lane, Some(&site)).as_secs());
            let priority = lane.as_str();
            match closed {
                Some(Cause::TooMany) => {
                    tracing::warn!(%site, priority, waiting, wait_s, "too many images wait; refusing uploads");
                }
                Some(_) => {
                    tracing::warn!(%site, priority, waiting, wait_s, "images wait too long; refusing uploads");
                }
                None => tracing::info!(%site, priority, waiting, wait_s, "taking uploads again"),
            }
        }
        decided
    }

    fn measure(&self) {
        let admission = self.admission();
        metrics::gauge!("hilum_images_waiting").set(admission.waiting() as f64);
        for lane in LANES {
            let wait_s = admission.longest_wait(lane).as_secs_f64();
            metrics::gauge!("hilum_door_wait_estimate_seconds", "priority" => lane.as_str()).set(wait_s);
        }
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.0.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Its image now waits for its reading.
    pub(crate) fn stored(mut self) {
        self.stored = true;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gate.admission().ended(self.lane, &self.site, self.stored);
    }
}

/// Every image is in the queue of one service at a time: that which decides whether it needs a reading, or the readers'.
fn found(depths: &[QueueDepth], by_site: &[SiteQueue]) -> Found {
    let mut found = Found::default();
    for SiteQueue { consumer, site, messages } in by_site {
        *found.sites.of(site).of(lane_of(consumer)) += messages;
    }
    for depth in depths {
        let images = depth.waiting + depth.in_hand;
        found.images += images;
        if service_of(&depth.consumer) != "infer" {
            found.before_readers += images;
            continue;
        }
        found.settled += depth.settled;
        match lane_of(&depth.consumer) {
            Priority::Stat => found.urgent += images,
            Priority::Routine if depth.consumer.ends_with("-retry") => found.routine_retries += images,
            Priority::Routine => {}
        }
    }
    found
}

/// The priority of what a consumer of the readers hands out.
fn lane_of(consumer: &str) -> Priority {
    if consumer.starts_with("infer-stat") { Priority::Stat } else { Priority::Routine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_those_of_the_readers_or_before_them_and_the_urgent_ones_are_told_apart() {
        let depth = |consumer: &str, lane, waiting, in_hand, settled| QueueDepth {
            consumer: consumer.to_owned(),
            lane,
            waiting,
            in_hand,
            settled,
        };
        let depths = [
            depth("dedupe", None, 1, 2, 900),
            depth("dedupe-retry", None, 3, 0, 900),
            depth("infer-stat", None, 0, 0, 0),
            depth("infer-stat", Some(0), 10, 5, 7),
            depth("infer-stat-retry", None, 20, 0, 8),
            depth("infer-routine", None, 0, 0, 0),
            depth("infer-routine", Some(0), 60, 50, 30),
            depth("infer-routine", Some(9), 40, 0, 40),
            depth("infer-routine-retry", None, 200, 0, 80),
        ];
        let of =
            |consumer, name: &str, messages| SiteQueue { consumer, site: name.parse().unwrap(), messages };
        let by_site = [
            of("infer-stat", "north", 15),
            of("infer-routine", "north", 110),
            of("infer-routine", "south", 40),
        ];
        let found = found(&depths, &by_site);
        assert_eq!((found.images, found.before_readers), (391, 6));
        assert_eq!((found.urgent, found.routine_retries, found.settled), (35, 200, 165));
        let [north, south] = ["north", "south"].map(|name| found.sites.get(&name.parse().unwrap()));
        assert_eq!((north.urgent, north.routine, south.urgent, south.routine), (15, 110, 0, 40));
    }
}
