//! The slots of uploads whose image is coming in, and which upload may hold one. A sender that is slow, or silent for a while,
//! holds its slot that long; so neither routine images nor one site can hold all of them, and a silent sender makes room for
//! others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hilum_events::{Priority, Site};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::{BySite, Lanes};
use crate::refusal::Refusal;

/// A sender that was silent for so long may lose its slot to one that finds none.
const MAKES_ROOM_AFTER: Duration = Duration::from_secs(5);

/// The slots. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Slots(Arc<State>);

#[derive(Debug)]
struct State {
    total: u64,
    makes_room_after: Duration,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    counts: BySite,
    by_number: HashMap<u64, HeldSlot>,
    /// The number of the next slot.
    next: u64,
}

#[derive(Debug)]
struct HeldSlot {
    lane: Priority,
    site: Site,
    heard_at: Instant,
    taken_away: CancellationToken,
}

/// A slot that is held until this is dropped, or until somebody takes it away.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    number: u64,
    taken_away: CancellationToken,
}

/// Says that bytes come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hearing {
    slots: Slots,
    number: u64,
}

impl Slots {
    /// So many slots, at least one.
    pub fn new(total: usize) -> Self {
        Self::making_room_after(total, MAKES_ROOM_AFTER)
    }

    /// The same, where a sender makes room once it was silent for so long.
    pub fn making_room_after(total: usize, makes_room_after: Duration) -> Self {
        let (total, held) = (total.max(1) as u64, Mutex::default());
        Self(Arc::new(State { total, makes_room_after, held }))
    }

    /// A slot for an image of this site, if need be that of a silent sender.
    pub(crate) fn take(&self, lane: Priority, site: &Site) -> Result<Slot, Refusal> {
        let mut held = self.held();
        if !has_slot(self.0.total, held.counts.sum(), held.counts.get(site), lane) {
            let silent = self.silent_in_the_way(&held, lane, site).ok_or(Refusal::Busy)?;
            held.end(silent);
        }
        *held.counts.of(site).of(lane) += 1;
        let (number, taken_away) = (held.next, CancellationToken::new());
        held.next += 1;
        let slot =
            HeldSlot { lane, site: site.clone(), heard_at: Instant::now(), taken_away: taken_away.clone() };
        held.by_number.insert(number, slot);
        measure(held.counts.sum());
        Ok(Slot { slots: self.clone(), number, taken_away })
    }

    /// The slot that was silent longest among those without which there would be one for this image.
    fn silent_in_the_way(&self, held: &Held, lane: Priority, site: &Site) -> Option<u64> {
        let helps = |slot: &HeldSlot| {
            let (mut sum, mut own) = (held.counts.sum(), held.counts.get(site));
            *sum.of(slot.lane) -= 1;
            *own.of(slot.lane) -= u64::from(slot.site == *site);
            has_slot(self.0.total, sum, own, lane)
        };
        let silent = held
            .by_number
            .iter()
            .filter(|(_, slot)| slot.heard_at.elapsed() >= self.0.makes_room_after && helps(slot));
        silent.min_by_key(|(_, slot)| slot.heard_at).map(|(number, _)| *number)
    }

    /// Those that are held.
    pub fn taken(&self) -> Lanes {
        self.held().counts.sum()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Makes a slot free, if it is held still.
    fn end(&mut self, number: u64) {
        let Some(HeldSlot { lane, site, taken_away, .. }) = self.by_number.remove(&number) else { return };
        taken_away.cancel();
        *self.counts.of(&site).of(lane) -= 1;
        self.counts.forget_if_none(&site);
        measure(self.counts.sum());
    }
}

impl Slot {
    /// Is notified of each piece that comes in, so that its sender does not count as silent.
    pub(crate) fn hearing(&self) -> Hearing {
        Hearing { slots: self.slots.clone(), number: self.number }
    }

    /// Cancelled when somebody else has the slot.
    pub(crate) fn taken_away(&self) -> CancellationToken {
        self.taken_away.clone()
    }

    /// After how much silence that may be.
    pub(crate) fn makes_room_after(&self) -> Duration {
        self.slots.0.makes_room_after
    }
}

impl Hearing {
    pub(crate) fn heard(&self) {
        if let Some(slot) = self.slots.held().by_number.get_mut(&self.number) {
            slot.heard_at = Instant::now();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.held().end(self.number);
    }
}

fn measure(held: Lanes) {
    for lane in [Priority::Stat, Priority::Routine] {
        metrics::gauge!("hilum_ingest_uploads_under_way", "priority" => lane.as_str())
            .set(held.get(lane) as f64);
    }
}

/// A quarter is for urgent images alone. Of the others a site may have twice as many as are left: alone two thirds, two
/// sites two fifths each, and so on, so that there is a slot for whoever comes next.
fn has_slot(total: u64, held: Lanes, own: Lanes, lane: Priority) -> bool {
    let for_urgent = if total == 1 { 0 } else { total.div_ceil(4) };
    let free = total.saturating_sub(held.sum());
    let free = match lane {
        Priority::Stat => free,
        Priority::Routine => free.min((total - for_urgent).saturating_sub(held.routine)),
    };
    own.get(lane) < 2 * free
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: usize = 64;

    /// Takes as many slots as there are for this site; those it got.
    fn flood(slots: &Slots, lane: Priority, site: &str) -> Vec<Slot> {
        let site: Site = site.parse().unwrap();
        std::iter::from_fn(|| slots.take(lane, &site).ok()).take(TOTAL + 1).collect()
    }

    #[test]
    fn routine_images_of_any_number_of_sites_leave_a_quarter_to_urgent_ones() {
        let slots = Slots::new(TOTAL);
        let held: Vec<_> = (0..100).map(|n| flood(&slots, Priority::Routine, &format!("s-{n}"))).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), TOTAL * 3 / 4);
        assert!(slots.take(Priority::Stat, &"s-0".parse().unwrap()).is_ok());
        assert!(slots.take(Priority::Stat, &"new".parse().unwrap()).is_ok());
    }

    #[test]
    fn one_site_never_holds_all_on_either_lane_and_the_next_site_finds_slots() {
        for (lane, most) in [(Priority::Routine, 32), (Priority::Stat, 43)] {
            let slots = Slots::new(TOTAL);
            let first = flood(&slots, lane, "a");
            assert_eq!(first.len(), most, "{lane:?}");
            let others: Vec<_> = (0..10).map(|n| flood(&slots, lane, &format!("s-{n}"))).collect();
            assert!(others.iter().take(3).all(|held| !held.is_empty()), "{others:?}");
        }
        let slots = Slots::new(TOTAL);
        let _both = [flood(&slots, Priority::Routine, "a"), flood(&slots, Priority::Stat, "a")];
        for lane in [Priority::Routine, Priority::Stat] {
            assert!(slots.take(lane, &"b".parse().unwrap()).is_ok(), "{lane:?}");
        }
    }

    #[test]
    fn what_was_held_is_free_again_and_the_site_forgotten() {
        let slots = Slots::new(TOTAL);
        for _ in 0..3 {
            drop(flood(&slots, Priority::Routine, "a"));
            assert_eq!((slots.taken(), slots.held().counts.sites().count()), (Lanes::default(), 0));
        }
    }

    #[test]
    fn who_is_silent_makes_room_for_its_like_and_for_urgent_ones() {
        let site = |name: &str| name.parse::<Site>().unwrap();
        let slots = Slots::making_room_after(8, Duration::ZERO);
        let silent: Vec<_> = (0..4).map(|_| slots.take(Priority::Routine, &site("a")).unwrap()).collect();
        silent[0].hearing().heard();
        let next = slots.take(Priority::Routine, &site("a")).unwrap();
        let taken_away: Vec<_> = silent.iter().map(|slot| slot.taken_away().is_cancelled()).collect();
        assert_eq!(taken_away, [false, true, false, false], "who was silent longest");
        drop(silent);
        assert_eq!(slots.taken(), Lanes { routine: 1, urgent: 0 }, "a slot is given back once");
        drop(next);

        let slots = Slots::making_room_after(8, Duration::from_secs(3600));
        let _alive = flood(&slots, Priority::Routine, "a");
        assert!(matches!(slots.take(Priority::Routine, &site("a")), Err(Refusal::Busy)));
    }

    #[test]
    fn the_fewest_slots_serve_too() {
        for total in 1..6 {
            let slots = Slots::new(total);
            let routine = flood(&slots, Priority::Routine, "a");
            assert!(!routine.is_empty(), "{total}");
            assert_eq!(slots.take(Priority::Stat, &"b".parse().unwrap()).is_ok(), total > 1, "{total}");
        }
        assert!(Slots::new(0).take(Priority::Routine, &"a".parse().unwrap()).is_ok());
    }
}
