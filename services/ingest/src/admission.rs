//! Whether one more image is taken: not when too many wait, and not when it would wait too long. Everything it goes by
//! comes in: times, what looks at the queues found, what this door took in since. No IO.

use std::time::Duration;

use hilum_events::Priority;

use crate::pace::Pace;

/// So few never wait long; with fewer the readers may have nothing to do.
const ALWAYS_TAKEN: u64 = 16;
/// With so many at the readers, these have enough to do to show how fast they are.
const BUSY: u64 = ALWAYS_TAKEN / 2;
/// A closed lane opens again when it is below this share of its bound, so that it does not flap.
const OPENS_AT: f64 = 0.8;
/// An estimate that was wrong must not keep senders away.
const LONGEST_RETRY_S: f64 = 120.0;

/// What may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Longest estimated wait for a reading; none for as long as it takes.
    pub(crate) max_wait: Option<Duration>,
    /// Most images, whatever they wait.
    pub(crate) max_waiting: u64,
}

/// What a look at the queues found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Images on their way to a reading, in hand or not.
    pub(crate) images: u64,
    /// Of these, those that have not reached the readers' queues; which are urgent can't be seen there.
    pub(crate) before_readers: u64,
    /// Of these, urgent ones in the readers' queues.
    pub(crate) urgent: u64,
    /// What the readers have settled, since counting began.
    pub(crate) settled: u64,
}

/// Images by priority: urgent ones overtake, so those in turn don't count for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lanes {
    urgent: u64,
    routine: u64,
}

impl Lanes {
    fn of(&mut self, lane: Priority) -> &mut u64 {
        match lane {
            Priority::Stat => &mut self.urgent,
            Priority::Routine => &mut self.routine,
        }
    }
}

/// Why a lane is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Too many images wait.
    TooMany,
    /// One more would wait too long.
    TooSlow,
}

/// An image that is not taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Declined {
    pub(crate) cause: Cause,
    /// How long it would wait.
    pub(crate) wait: Duration,
    /// When the same image may be taken, from now; 1 at least.
    pub(crate) retry_after_s: u64,
}

/// What a look at the queues began with; to be handed back with what it found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look(Lanes);

/// The state of the door.
#[derive(Debug)]
pub(crate) struct Admission {
    bounds: Bounds,
    pace: Pace,
    found: Found,
    /// Everything this door took in, and how much of it before the last look and the one before that.
    stored: Lanes,
    stored_at_look: Lanes,
    urgent_since_before: u64,
    under_way: Lanes,
    urgent_closed: Option<Cause>,
    routine_closed: Option<Cause>,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            pace: Pace::new(),
            found: Found::default(),
            stored: Lanes::default(),
            stored_at_look: Lanes::default(),
            urgent_since_before: 0,
            under_way: Lanes::default(),
            urgent_closed: None,
            routine_closed: None,
        }
    }

    /// To be called before the queues are looked at: what is stored from now on may not be seen there.
    pub(crate) fn begin_look(&self) -> Look {
        Look(self.stored)
    }

    /// Takes in what a look found at time `at`. Opens and closes.
    pub(crate) fn end_look(&mut self, look: Look, at: Duration, found: Found) {
        self.urgent_since_before = look.0.urgent - self.stored_at_look.urgent;
        self.stored_at_look = look.0;
        self.found = found;
        let at_readers = found.images.saturating_sub(found.before_readers);
        self.pace.look(at, found.settled, at_readers >= BUSY);
        for lane in [Priority::Stat, Priority::Routine] {
            let share = if self.closed(lane).is_some() { OPENS_AT } else { 1.0 };
            *self.closed_mut(lane) = self.excess(lane, share);
        }
    }

    /// Whether an image may come in on this lane now. Closes the lane if not.
    ///
    /// # Errors
    /// When it is closed.
    pub(crate) fn check(&mut self, lane: Priority) -> Result<(), Declined> {
        if self.closed(lane).is_none() {
            *self.closed_mut(lane) = self.excess(lane, 1.0);
        }
        self.closed(lane).map_or(Ok(()), |cause| Err(self.declined(lane, cause)))
    }

    /// Lets an image in whose upload now begins; to be followed by [`Self::ended`].
    ///
    /// # Errors
    /// When the lane is closed.
    pub(crate) fn begin(&mut self, lane: Priority) -> Result<(), Declined> {
        self.check(lane)?;
        *self.under_way.of(lane) += 1;
        Ok(())
    }

    /// An upload has ended; `stored` if its image now waits for its reading.
    pub(crate) fn ended(&mut self, lane: Priority, stored: bool) {
        *self.under_way.of(lane) -= 1;
        *self.stored.of(lane) += u64::from(stored);
    }

    /// Why a lane is closed; none when it is open.
    pub(crate) fn closed(&self, lane: Priority) -> Option<Cause> {
        match lane {
            Priority::Stat => self.urgent_closed,
            Priority::Routine => self.routine_closed,
        }
    }

    fn closed_mut(&mut self, lane: Priority) -> &mut Option<Cause> {
        match lane {
            Priority::Stat => &mut self.urgent_closed,
            Priority::Routine => &mut self.routine_closed,
        }
    }

    /// How long an image that came now would wait, by the pace of the readers as it was last seen.
    pub(crate) fn wait(&self, lane: Priority) -> Duration {
        Duration::from_secs_f64(self.ahead(lane) as f64 / self.pace.per_s())
    }

    /// Images that wait, those under way included.
    pub(crate) fn waiting(&self) -> u64 {
        self.ahead(Priority::Routine)
    }

    /// Images that would be read before one that came now.
    fn ahead(&self, lane: Priority) -> u64 {
        let urgent = self.stored.urgent - self.stored_at_look.urgent + self.under_way.urgent;
        let routine = self.stored.routine - self.stored_at_look.routine + self.under_way.routine;
        match lane {
            // Of what has not reached the readers, the urgent ones that came last.
            Priority::Stat => {
                self.found.urgent + self.found.before_readers.min(self.urgent_since_before) + urgent
            }
            Priority::Routine => self.found.images + urgent + routine,
        }
    }

    /// Which bound would be broken by one more, if each were only this share of itself.
    fn excess(&self, lane: Priority, share: f64) -> Option<Cause> {
        if self.waiting() as f64 > self.bounds.max_waiting as f64 * share {
            return Some(Cause::TooMany);
        }
        let max_wait = self.bounds.max_wait?;
        let is_long = self.wait(lane) >= max_wait.mul_f64(share);
        (is_long && self.ahead(lane) >= ALWAYS_TAKEN).then_some(Cause::TooSlow)
    }

    fn declined(&self, lane: Priority, cause: Cause) -> Declined {
        let wait = self.wait(lane);
        let surplus_s = match (cause, self.bounds.max_wait) {
            (Cause::TooSlow, Some(max_wait)) => wait.saturating_sub(max_wait.mul_f64(OPENS_AT)).as_secs_f64(),
            _ => (self.waiting() as f64 - self.bounds.max_waiting as f64 * OPENS_AT) / self.pace.per_s(),
        };
        Declined { cause, wait, retry_after_s: (surplus_s.floor() + 1.0).clamp(1.0, LONGEST_RETRY_S) as u64 }
    }
}

#[cfg(test)]
mod tests;
