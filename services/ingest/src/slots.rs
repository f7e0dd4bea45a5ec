//! Who may hold the places of uploads whose image is coming in. A sender that is slow, or silent for a while, holds its
//! place that long; so neither routine images nor one site can hold all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hilum_events::{Priority, Site};

use crate::admission::{BySite, Lanes};
use crate::refusal::Refusal;

/// The places. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<State>);

#[derive(Debug)]
struct State {
    total: u64,
    held: Mutex<BySite>,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    lane: Priority,
    site: Site,
}

impl Slots {
    pub(crate) fn new(total: usize) -> Self {
        Self(Arc::new(State { total: total.max(1) as u64, held: Mutex::default() }))
    }

    /// A place for an image of this site.
    pub(crate) fn take(&self, lane: Priority, site: &Site) -> Result<Slot, Refusal> {
        let mut held = self.held();
        if !has_place(self.0.total, held.sum(), held.get(site), lane) {
            return Err(Refusal::Busy);
        }
        *held.of(site).of(lane) += 1;
        measure(held.sum());
        Ok(Slot { slots: self.clone(), lane, site: site.clone() })
    }

    /// Those that are held.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> Lanes {
        self.held().sum()
    }

    fn held(&self) -> MutexGuard<'_, BySite> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.held();
        *held.of(&self.site).of(self.lane) -= 1;
        held.forget_if_none(&self.site);
        measure(held.sum());
    }
}

fn measure(held: Lanes) {
    for lane in [Priority::Stat, Priority::Routine] {
        metrics::gauge!("hilum_ingest_uploads_under_way", "priority" => lane.as_str())
            .set(held.get(lane) as f64);
    }
}

/// A quarter is for urgent images alone. Of the others a site may have twice as many as are left: alone two thirds, two
/// sites two fifths each, and so on, so that there is a place for whoever comes next.
fn has_place(total: u64, held: Lanes, own: Lanes, lane: Priority) -> bool {
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

    /// Takes as many places as there are for this site; those it got.
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
    fn one_site_never_holds_all_on_either_lane_and_the_next_site_finds_places() {
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
            assert_eq!((slots.taken(), slots.held().sites().count()), (Lanes::default(), 0));
        }
    }

    #[test]
    fn the_fewest_places_serve_too() {
        for total in 1..6 {
            let slots = Slots::new(total);
            let routine = flood(&slots, Priority::Routine, "a");
            assert!(!routine.is_empty(), "{total}");
            assert_eq!(slots.take(Priority::Stat, &"b".parse().unwrap()).is_ok(), total > 1, "{total}");
        }
        assert!(Slots::new(0).take(Priority::Routine, &"a".parse().unwrap()).is_ok());
    }
}
