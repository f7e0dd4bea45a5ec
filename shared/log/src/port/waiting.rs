//! What waits in which lane, as this process knows it: enough to choose the lane of a request that is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hilum_events::{Site, Subject, in_lane};
use hilum_streams::consumer_of;

use super::ledger::{Ledger, Progress, unseen};

/// What a process knows of the sites that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    ledger: Mutex<Ledger>,
    /// Somebody keeps it. What nobody keeps is not filled either: it would never be emptied.
    is_kept: AtomicBool,
}

/// The queue of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteQueue {
    /// The consumer that hands it out, as declared.
    pub consumer: &'static str,
    /// The site that sent it.
    pub site: Site,
    /// Messages that wait or are in hand.
    pub messages: u64,
}

/// The subject under which a fact is written.
pub(crate) struct ChosenSubject {
    pub(crate) subject: String,
    /// The consumer, when it is one with lanes, and the lane.
    lane: Option<(&'static str, u16)>,
}

impl Waiting {
    /// Where a fact of `site` is written whose own subject is `subject`: a request in the lane that is best for it now.
    pub(crate) fn choose(&self, subject: String, site: &Site) -> ChosenSubject {
        let chosen = consumer_of(&subject).and_then(|consumer| {
            let is_kept = self.is_kept.load(Ordering::Relaxed);
            let lane = if is_kept { self.ledger().choose(consumer, site) } else { unseen(consumer, site) };
            Some((consumer, lane?))
        });
        match chosen {
            Some((_, lane)) => ChosenSubject { subject: in_lane(&subject, lane), lane: chosen },
            None => ChosenSubject { subject, lane: None },
        }
    }

    /// What was written there stands at `seq`.
    pub(crate) fn written(&self, chosen: &ChosenSubject, seq: u64, site: &Site) {
        if let Some((consumer, lane)) = chosen.lane.filter(|_| self.is_kept.load(Ordering::Relaxed)) {
            self.ledger().note(consumer, Some(lane), seq, site);
        }
    }

    /// A request stands under `subject` at `seq`.
    pub(crate) fn note(&self, subject: &str, seq: u64) {
        let Some(subject) = Subject::parse(subject) else { return };
        if let (Some(consumer), Some(site)) = (consumer_of(subject.of_fact), subject.site()) {
            self.ledger().note(consumer, subject.lane, seq, &site);
        }
    }

    /// Forgets what is settled of a lane.
    pub(crate) fn advance(&self, consumer: &str, lane: Option<u16>, progress: Progress) {
        self.ledger().advance(consumer, lane, progress);
    }

    /// From now on the counts are kept up to date.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Nothing is known any more of what waits.
    pub(crate) fn forget(&self) {
        *self.ledger() = Ledger::default();
    }

    /// From now on the counts are not kept, and nothing counts as waiting.
    pub(crate) fn end(&self) {
        self.is_kept.store(false, Ordering::Relaxed);
        self.forget();
    }

    /// Nothing waits, as far as is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.ledger().is_empty()
    }

    /// What waits or is in hand of each site that has some.
    pub(crate) fn by_site(&self) -> Vec<SiteQueue> {
        let sums = self.ledger().by_site();
        sums.into_iter().map(|((consumer, site), messages)| SiteQueue { consumer, site, messages }).collect()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
