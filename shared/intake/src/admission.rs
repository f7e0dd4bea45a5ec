//! Whether one more image of a site is taken: not when too many wait, and not when it would wait too long. Readers serve
//! the sites in turn, so an image waits for those of its own site and for as many of each other one, whatever more
//! others have sent. Everything it goes by comes in: times, what looks at the queues found, what this door took in since.
//! No IO.

mod by_site;
mod declined;
mod tally;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hilum_events::{Priority, Site};
use hilum_streams::RETRY_TURN;

use crate::pace::Pace;

pub(crate) use by_site::BySite;
pub use by_site::Lanes;
pub(crate) use declined::{Cause, Declined};
use tally::Tally;

/// So few never wait long; with fewer the readers may have nothing to do.
const ALWAYS_TAKEN: u64 = 16;
/// With so many at the readers, these have enough to do to show how fast they are.
const BUSY: u64 = ALWAYS_TAKEN / 2;
/// A closed lane opens again when it is below this share of its bound, so that it does not flap.
const OPENS_AT: f64 = 0.8;

/// What may wait.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest estimated wait for a reading; none for as long as it takes.
    pub max_wait: Option<Duration>,
    /// Most images, whatever they wait. While there are more, each site that has any waiting may have its part of them.
    pub max_waiting: u64,
    /// Most sites that may have images waiting at a time.
    pub max_sites: usize,
}

/// What a look at the queues found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Images on their way to a reading, in hand or not.
    pub(crate) images: u64,
    /// Of these, the ones that have not reached the readers' queues. The queues before do not show which of them are urgent, nor
    /// which site sent them.
    pub(crate) before_readers: u64,
    /// Of these, urgent ones in the readers' queues.
    pub(crate) urgent: u64,
    /// Of these, routine ones that are tried again. Their queue does not show which site sent them.
    pub(crate) routine_retries: u64,
    /// Of these, the images of single sites, where the queues show the site.
    pub(crate) sites: BySite,
    /// What the readers have settled, since counting began.
    pub(crate) settled: u64,
}

/// What a look at the queues began with; to be handed back with what it found.
#[derive(Debug, Clone)]
pub(crate) struct Look(BySite);

/// A lane of a site was closed, or opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) site: Site,
    pub(crate) lane: Priority,
    /// Why it is closed; none when it is open.
    pub(crate) closed: Option<Cause>,
}

/// The state of the door.
#[derive(Debug)]
pub(crate) struct Admission {
    bounds: Bounds,
    pace: Pace,
    found: Found,
    /// How many sites were found with how many images.
    tally: Tally,
    /// Everything this door took in, and how much of it before the last look.
    stored: BySite,
    stored_at_look: BySite,
    /// Urgent ones between the last look and the one before that.
    urgent_since_before: u64,
    under_way: BySite,
    closed: HashMap<(Site, Priority), Cause>,
    changes: Vec<Change>,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            pace: Pace::new(),
            found: Found::default(),
            tally: Tally::default(),
            stored: BySite::default(),
            stored_at_look: BySite::default(),
            urgent_since_before: 0,
            under_way: BySite::default(),
            closed: HashMap::new(),
            changes: Vec::new(),
        }
    }

    /// To be called before the queues are looked at: what is stored from now on may not be seen there.
    pub(crate) fn begin_look(&self) -> Look {
        Look(self.stored.clone())
    }

    /// Takes in what a look found at time `at`. Opens what has room again.
    pub(crate) fn end_look(&mut self, look: Look, at: Duration, found: Found) {
        self.urgent_since_before = look.0.sum().urgent - self.stored_at_look.sum().urgent;
        self.stored_at_look = look.0;
        // What came before the look is in what was found: a site that has sent nothing since need not be remembered.
        self.stored.forget_where_same(&mut self.stored_at_look);
        let at_readers = found.images.saturating_sub(found.before_readers);
        self.pace.look(at, found.settled, at_readers >= BUSY);
        self.tally = Tally::of(&found.sites);
        self.found = found;
        let closed: Vec<_> = self.closed.keys().cloned().collect();
        for (site, lane) in closed {
            if self.excess(lane, Some(&site), OPENS_AT).is_none() {
                self.closed.remove(&(site.clone(), lane));
                self.changes.push(Change { site, lane, closed: None });
            }
        }
    }

    /// Whether an image may come in of which neither site nor priority is known yet.
    ///
    /// # Errors
    /// When not even an urgent one of a site that has none here would be taken.
    pub(crate) fn check_any(&self) -> Result<(), Declined> {
        let cause = self.excess(Priority::Stat, None, 1.0);
        cause.map_or(Ok(()), |cause| Err(self.declined(Priority::Stat, None, cause)))
    }

    /// Whether an image of this site may come in on this lane now. Closes the lane if not.
    ///
    /// # Errors
    /// When it is closed.
    pub(crate) fn check(&mut self, lane: Priority, site: &Site) -> Result<(), Declined> {
        if !self.knows(site) && self.known_sites() >= self.bounds.max_sites {
            return Err(self.declined(lane, Some(site), Cause::NewSite));
        }
        let closed = self.closed.get(&(site.clone(), lane)).copied();
        let Some(cause) = closed.or_else(|| self.excess(lane, Some(site), 1.0)) else { return Ok(()) };
        if closed.is_none() {
            self.closed.insert((site.clone(), lane), cause);
            self.changes.push(Change { site: site.clone(), lane, closed: Some(cause) });
        }
        Err(self.declined(lane, Some(site), cause))
    }

    /// Admits an image whose upload begins now. [`Self::ended`] must follow.
    ///
    /// # Errors
    /// When the lane is closed.
    pub(crate) fn begin(&mut self, lane: Priority, site: &Site) -> Result<(), Declined> {
        self.check(lane, site)?;
        *self.under_way.of(site).of(lane) += 1;
        Ok(())
    }

    /// An upload has ended; `stored` if its image now waits for its reading.
    pub(crate) fn ended(&mut self, lane: Priority, site: &Site, stored: bool) {
        *self.under_way.of(site).of(lane) -= 1;
        self.under_way.forget_if_none(site);
        if stored {
            *self.stored.of(site).of(lane) += 1;
        }
    }

    /// What was closed and opened since this was asked last.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How long an image that came now would wait, by the pace of the readers as it was last seen. Without a site: one of
    /// a site that has none waiting.
    pub(crate) fn wait(&self, lane: Priority, site: Option<&Site>) -> Duration {
        Duration::from_secs_f64(self.ahead(lane, site) as f64 / self.pace.per_s())
    }

    /// As [`Self::wait`], at the site where it is longest: at the one with the most images.
    pub(crate) fn longest_wait(&self, lane: Priority) -> Duration {
        self.wait(lane, self.sites().into_iter().max_by_key(|site| self.own(site).get(lane)))
    }

    /// Images that wait, those under way included.
    pub(crate) fn waiting(&self) -> u64 {
        self.found.images + self.came_since().sum()
    }

    /// What this door took in that the last look could not see, those under way included.
    fn came_since(&self) -> Lanes {
        self.stored.sum().less(self.stored_at_look.sum()).and(self.under_way.sum())
    }

    /// Images of one site that wait, where the queues show the site.
    fn own(&self, site: &Site) -> Lanes {
        let since = self.stored.get(site).less(self.stored_at_look.get(site));
        self.found.sites.get(site).and(since).and(self.under_way.get(site))
    }

    /// All sites that may have images waiting.
    fn sites(&self) -> HashSet<&Site> {
        self.found.sites.sites().chain(self.stored.sites()).chain(self.under_way.sites()).collect()
    }

    fn knows(&self, site: &Site) -> bool {
        self.found.sites.has(site) || self.stored.has(site) || self.under_way.has(site)
    }

    fn known_sites(&self) -> usize {
        let new = self.changed().filter(|site| !self.found.sites.has(site)).collect::<HashSet<_>>();
        self.found.sites.sites().count() + new.len()
    }

    /// Sites of which something came that the last look could not see. Some are named twice.
    fn changed(&self) -> impl Iterator<Item = &Site> {
        self.stored.sites().chain(self.under_way.sites())
    }

    /// Images that would be read before one that came now.
    fn ahead(&self, lane: Priority, site: Option<&Site>) -> u64 {
        let in_turn = self.in_turn(lane, site);
        let Found { before_readers, urgent, routine_retries, ref sites, .. } = self.found;
        match lane {
            // Of what has not reached the readers, the urgent ones that came last; of what is tried again, all.
            Priority::Stat => {
                in_turn
                    + urgent.saturating_sub(sites.sum().urgent)
                    + before_readers.min(self.urgent_since_before)
            }
            Priority::Routine => {
                let retries = routine_retries.min(in_turn / (RETRY_TURN - 1) + 1);
                in_turn + retries + before_readers + urgent + self.came_since().urgent
            }
        }
    }

    /// Images in the queues of this lane that would be read before one more of this site, when the sites are served in
    /// turn.
    fn in_turn(&self, lane: Priority, site: Option<&Site>) -> u64 {
        let own = site.map_or(0, |site| self.own(site).get(lane));
        let most = own + 1;
        // Of the many sites only those are looked at one by one of which more is known than what was found.
        let changed: HashSet<&Site> = self.changed().chain(site).collect();
        let found = changed.iter().map(|other| self.found.sites.get(other).get(lane).min(most)).sum::<u64>();
        let others = changed.iter().filter(|other| Some(**other) != site);
        own + self.tally.sum(lane, most) - found
            + others.map(|other| self.own(other).get(lane).min(most)).sum::<u64>()
    }

    /// Which bound would be broken by one more, if each were only this share of itself.
    fn excess(&self, lane: Priority, site: Option<&Site>, share: f64) -> Option<Cause> {
        let most = self.bounds.max_waiting as f64 * share;
        if self.waiting() as f64 > most && self.own_part(site) > most {
            return Some(Cause::TooMany);
        }
        let max_wait = self.bounds.max_wait?;
        let is_long = self.wait(lane, site) >= max_wait.mul_f64(share);
        (is_long && self.ahead(lane, site) >= ALWAYS_TAKEN).then_some(Cause::TooSlow)
    }

    /// What would wait if all sites with images had as many as this one. What nobody is known to have sent counts as its.
    fn own_part(&self, site: Option<&Site>) -> f64 {
        let sites = self.sites();
        let others = sites.iter().filter(|other| Some(**other) != site && self.own(other).sum() > 0).count();
        let known: u64 = sites.iter().map(|site| self.own(site).sum()).sum();
        let own = site.map_or(0, |site| self.own(site).sum()) + self.waiting().saturating_sub(known);
        own as f64 * (others + 1) as f64
    }

    fn declined(&self, lane: Priority, site: Option<&Site>, cause: Cause) -> Declined {
        let wait = self.wait(lane, site);
        let surplus_s = match (cause, self.bounds.max_wait) {
            (Cause::TooSlow, Some(max_wait)) => wait.saturating_sub(max_wait.mul_f64(OPENS_AT)).as_secs_f64(),
            _ => (self.waiting() as f64 - self.bounds.max_waiting as f64 * OPENS_AT) / self.pace.per_s(),
        };
        Declined::new(cause, wait, surplus_s, self.bounds.max_sites)
    }
}

#[cfg(test)]
mod tests;
