//! A box in numbers: looks each second, readers of a given pace, senders that send what is taken.

use Priority::{Routine, Stat};

use super::*;

const MAX_WAIT_S: u64 = 60;

struct BoxOf {
    admission: Admission,
    second: u64,
    per_s: u64,
    settled: u64,
    /// At the readers.
    sites: Vec<(Site, Lanes)>,
}

/// One that the tests without another one speak of.
fn here() -> Site {
    Site::default()
}

impl BoxOf {
    fn of(per_s: u64, bounds: Bounds) -> Self {
        Self { admission: Admission::new(bounds), second: 0, per_s, settled: 0, sites: Vec::new() }
    }

    fn patient_for(max_wait_s: u64) -> Bounds {
        let max_wait = (max_wait_s > 0).then_some(Duration::from_secs(max_wait_s));
        Bounds { max_wait, max_waiting: 100_000, max_sites: 1000 }
    }

    /// Readers of so many images per second, with the usual bound.
    fn reading(per_s: u64) -> Self {
        Self::of(per_s, Self::patient_for(MAX_WAIT_S))
    }

    fn send(&mut self, lane: Priority) -> Result<(), Declined> {
        self.send_from(&here(), lane)
    }

    fn send_from(&mut self, site: &Site, lane: Priority) -> Result<(), Declined> {
        self.admission.begin(lane, site)?;
        self.admission.ended(lane, site, true);
        if !self.sites.iter().any(|(known, _)| known == site) {
            self.sites.push((site.clone(), Lanes::default()));
        }
        let (_, waiting) = self.sites.iter_mut().find(|(known, _)| known == site).unwrap();
        *waiting.of(lane) += 1;
        Ok(())
    }

    /// As many of `images` as are taken.
    fn flood(&mut self, lane: Priority, images: usize) -> usize {
        self.flood_from(&here(), lane, images)
    }

    fn flood_from(&mut self, site: &Site, lane: Priority, images: usize) -> usize {
        (0..images).filter(|_| self.send_from(site, lane).is_ok()).count()
    }

    fn closed(&self, lane: Priority) -> Option<Cause> {
        self.admission.closed.get(&(here(), lane)).copied()
    }

    /// A second of reading, urgent ones first and the sites in turn, and a look.
    fn tick(&mut self) {
        let look = self.admission.begin_look();
        let mut left = self.per_s;
        for lane in [Stat, Routine] {
            while left > 0 && self.sites.iter().any(|(_, waiting)| waiting.get(lane) > 0) {
                for (_, waiting) in self.sites.iter_mut().filter(|(_, waiting)| waiting.get(lane) > 0) {
                    if left > 0 {
                        *waiting.of(lane) -= 1;
                        (left, self.settled) = (left - 1, self.settled + 1);
                    }
                }
            }
        }
        self.second += 1;
        let mut found = Found { settled: self.settled, ..Found::default() };
        for (site, waiting) in &self.sites {
            *found.sites.of(site) = *waiting;
        }
        let Lanes { urgent, routine } = found.sites.sum();
        (found.urgent, found.images) = (urgent, urgent + routine);
        self.admission.end_look(look, Duration::from_secs(self.second), found);
    }

    fn flood_for(&mut self, seconds: u64, lane: Priority, per_second: usize) -> usize {
        (0..seconds)
            .map(|_| {
                let taken = self.flood(lane, per_second);
                self.tick();
                taken
            })
            .sum()
    }
}

#[test]
fn what_was_taken_never_waits_longer_than_the_bound() {
    for per_s in [5, 20, 300] {
        let mut reading = BoxOf::reading(per_s);
        for _ in 0..300 {
            reading.flood(Routine, 1000);
            let waiting = reading.admission.waiting();
            assert!(waiting <= MAX_WAIT_S * per_s, "{waiting} wait at {per_s} per second");
            reading.tick();
        }
        let waiting = reading.admission.waiting();
        assert!(waiting >= MAX_WAIT_S * per_s * 7 / 10, "only {waiting} wait at {per_s} per second");
    }
}

#[test]
fn before_the_pace_is_known_a_slow_one_is_assumed() {
    let mut reading = BoxOf::reading(20);
    let taken = reading.flood(Routine, 10_000) as u64;
    assert_eq!(taken, MAX_WAIT_S * 4);
    let declined = reading.send(Routine).unwrap_err();
    assert_eq!(declined.cause, Cause::TooSlow);
    assert!((1..=120).contains(&declined.retry_after_s), "{declined:?}");
}

#[test]
fn an_idle_box_always_takes_a_few() {
    let mut reading = BoxOf::of(1, BoxOf::patient_for(1));
    assert_eq!(reading.flood(Routine, 1000) as u64, ALWAYS_TAKEN);
}

#[test]
fn retry_after_is_when_the_lane_opens() {
    let mut reading = BoxOf::reading(20);
    reading.flood_for(100, Routine, 1000);
    while reading.send(Routine).is_ok() {}
    let mut waited_s = 0;
    let promised_s = reading.send(Routine).unwrap_err().retry_after_s;
    while reading.closed(Routine).is_some() {
        reading.tick();
        waited_s += 1;
    }
    assert!(waited_s <= promised_s && promised_s <= waited_s + 1, "{waited_s} s, promised {promised_s} s");
    assert_eq!(reading.send(Routine), Ok(()));
}

#[test]
fn a_closed_lane_stays_closed_for_more_than_a_moment() {
    let mut reading = BoxOf::reading(20);
    reading.flood_for(100, Routine, 1000);
    let mut changes = 0;
    let mut before = reading.closed(Routine);
    for _ in 0..120 {
        reading.flood(Routine, 1000);
        reading.tick();
        let now = reading.closed(Routine);
        changes += u64::from(before.is_some() != now.is_some());
        before = now;
    }
    assert!((10..=22).contains(&changes), "{changes} changes in two minutes");
}

#[test]
fn urgent_images_are_taken_while_routine_ones_are_not() {
    let mut reading = BoxOf::reading(20);
    reading.flood_for(100, Routine, 1000);
    while reading.send(Routine).is_ok() {}
    let urgent = reading.flood(Stat, 100_000) as u64;
    assert_eq!(urgent, MAX_WAIT_S * 20);
    assert_eq!(reading.send(Stat).unwrap_err().cause, Cause::TooSlow);
}

#[test]
fn urgent_images_that_have_not_reached_the_readers_count() {
    let mut reading = BoxOf::reading(20);
    let look = reading.admission.begin_look();
    reading.admission.end_look(look, Duration::from_secs(1), Found::default());
    reading.flood(Stat, 50);
    let look = reading.admission.begin_look();
    let mut found = Found { images: 950, before_readers: 900, urgent: 10, ..Found::default() };
    *found.sites.of(&here()) = Lanes { urgent: 10, routine: 40 };
    reading.admission.end_look(look, Duration::from_secs(2), found);
    assert_eq!(reading.admission.ahead(Stat, Some(&here())), 60);
    assert_eq!(reading.admission.ahead(Routine, Some(&here())), 950);
}

#[test]
fn uploads_under_way_count_and_those_that_fail_no_longer() {
    let mut reading = BoxOf::of(20, BoxOf::patient_for(10));
    let begun = (0..1000).filter(|_| reading.admission.begin(Routine, &here()).is_ok()).count();
    assert_eq!(begun, 40);
    reading.tick();
    assert_eq!(reading.admission.waiting(), 40);
    (0..begun).for_each(|_| reading.admission.ended(Routine, &here(), false));
    reading.tick();
    assert_eq!(reading.admission.waiting(), 0);
    assert_eq!(reading.send(Routine), Ok(()));
}

#[test]
fn what_is_stored_during_a_look_is_counted_after_it() {
    let mut reading = BoxOf::reading(20);
    let look = reading.admission.begin_look();
    reading.flood(Routine, 7);
    reading.admission.end_look(look, Duration::from_secs(1), Found { images: 3, ..Found::default() });
    assert_eq!(reading.admission.waiting(), 10);
}

#[test]
fn a_burst_into_an_idle_box_that_is_known_to_be_fast_is_taken() {
    let mut reading = BoxOf::reading(100);
    reading.flood_for(100, Routine, 1000);
    reading.flood_for(100, Routine, 0);
    reading.flood_for(3600, Routine, 1);
    assert_eq!(reading.flood(Routine, 5000), 5000);
}

#[test]
fn while_the_readers_are_away_as_much_is_taken_as_they_read_in_the_longest_wait() {
    let mut reading = BoxOf::reading(20);
    reading.flood_for(30, Routine, 25);
    reading.per_s = 0;
    reading.flood_for(3600, Routine, 25);
    let waiting = reading.admission.waiting();
    assert!((MAX_WAIT_S * 19..=MAX_WAIT_S * 21).contains(&waiting), "{waiting}");
    reading.per_s = 20;
    reading.flood_for(70, Routine, 0);
    assert_eq!(reading.send(Routine), Ok(()));
}

#[test]
fn without_a_bound_on_the_wait_only_the_number_counts() {
    let bounds = Bounds { max_wait: None, max_waiting: 5, max_sites: 1000 };
    let mut reading = BoxOf::of(1, bounds);
    assert_eq!(reading.flood(Routine, 1000), 6);
    for lane in [Routine, Stat] {
        let declined = reading.send(lane).unwrap_err();
        assert_eq!((declined.cause, declined.retry_after_s), (Cause::TooMany, 1));
    }
    reading.tick();
    assert!(reading.send(Routine).is_err(), "it opens below the bound");
    reading.tick();
    assert_eq!(reading.send(Routine), Ok(()));
}

fn site(name: &str) -> Site {
    name.parse().unwrap()
}

#[test]
fn what_one_site_has_waiting_keeps_no_image_of_another_out() {
    let mut reading = BoxOf::reading(4);
    let taken = reading.flood_from(&site("flood"), Routine, 10_000) as u64;
    assert_eq!(taken, MAX_WAIT_S * 4, "as many as are read in the longest wait");
    assert_eq!(reading.admission.check_any(), Ok(()));
    let calm = reading.flood_from(&site("calm"), Routine, 10_000) as u64;
    assert_eq!(calm, MAX_WAIT_S * 4 / 2, "half of what is read meanwhile is its own");
    let [flood, calm] = ["flood", "calm"].map(|name| reading.admission.wait(Routine, Some(&site(name))));
    assert!(calm < flood && reading.admission.longest_wait(Routine) == flood);
    for lane in [Routine, Stat] {
        assert_eq!(reading.send_from(&site("third"), lane), Ok(()));
    }
    assert_eq!(reading.send_from(&site("flood"), Routine).unwrap_err().cause, Cause::TooSlow);
}

#[test]
fn an_image_of_a_site_waits_no_longer_than_was_estimated_beside_the_flood_of_another() {
    let mut reading = BoxOf::reading(4);
    for _ in 0..100 {
        reading.flood_from(&site("flood"), Routine, 1000);
        reading.tick();
    }
    reading.flood_from(&site("calm"), Routine, 10);
    let estimated = reading.admission.wait(Routine, Some(&site("calm"))).as_secs_f64();
    assert!((5.0..=6.0).contains(&estimated), "{estimated} s for twenty images at 4 per second");
    let mut waited_s = 0;
    while reading.sites.iter().any(|(name, waiting)| *name == site("calm") && waiting.sum() > 0) {
        reading.flood_from(&site("flood"), Routine, 1000);
        reading.tick();
        waited_s += 1;
    }
    assert!(waited_s <= 6, "{waited_s} s");
}

#[test]
fn what_is_tried_again_counts_for_no_more_than_its_turns() {
    let mut reading = BoxOf::reading(4);
    let look = reading.admission.begin_look();
    let found = Found { images: 5000, routine_retries: 5000, ..Found::default() };
    reading.admission.end_look(look, Duration::from_secs(1), found);
    assert_eq!(reading.admission.ahead(Routine, Some(&site("calm"))), 1);
    reading.flood_from(&site("calm"), Routine, 14);
    assert_eq!(reading.admission.ahead(Routine, Some(&site("calm"))), 14 + 3);
}

#[test]
fn when_too_many_wait_each_site_may_have_its_part_of_them() {
    let bounds = Bounds { max_wait: None, max_waiting: 100, max_sites: 1000 };
    let mut reading = BoxOf::of(1, bounds);
    assert_eq!(reading.flood_from(&site("flood"), Routine, 1000), 101);
    assert_eq!(reading.flood_from(&site("calm"), Routine, 1000), 51);
    assert_eq!(reading.flood_from(&site("third"), Routine, 1000), 34);
    assert_eq!(reading.send_from(&site("flood"), Stat).unwrap_err().cause, Cause::TooMany);
}

#[test]
fn images_come_from_so_many_sites_and_no_more() {
    let bounds = Bounds { max_wait: None, max_waiting: 100, max_sites: 2 };
    let mut reading = BoxOf::of(1, bounds);
    let look = |reading: &mut BoxOf, sites: &[&str]| {
        let mut found = Found::default();
        sites.iter().for_each(|name| found.sites.of(&site(name)).routine = 1);
        let look = reading.admission.begin_look();
        reading.admission.end_look(look, Duration::from_secs(1), found);
    };
    look(&mut reading, &["before"]);
    assert_eq!(reading.send_from(&site("new"), Routine), Ok(()));
    let declined = reading.send_from(&site("newer"), Stat).unwrap_err();
    assert_eq!((declined.cause, declined.max_sites), (Cause::NewSite, 2));
    for known in ["before", "new"] {
        assert_eq!(reading.send_from(&site(known), Routine), Ok(()));
    }
    look(&mut reading, &["new"]);
    assert_eq!(reading.send_from(&site("newer"), Routine), Ok(()), "nothing of the first one waits any more");
}

#[test]
fn of_sites_that_came_and_went_nothing_is_kept() {
    let mut reading = BoxOf::reading(1000);
    for number in 0..500 {
        assert_eq!(reading.send_from(&site(&format!("site-{number}")), Routine), Ok(()));
        if number % 50 == 49 {
            reading.tick();
        }
    }
    reading.tick();
    let Admission { stored, stored_at_look, under_way, .. } = &reading.admission;
    let kept = [stored, stored_at_look, under_way].map(|sites| sites.sites().count());
    assert_eq!(kept, [0, 0, 0]);
}

#[test]
fn what_is_closed_and_opened_is_told_once() {
    let mut reading = BoxOf::reading(20);
    reading.flood(Routine, 10_000);
    let change = |closed| Change { site: here(), lane: Routine, closed };
    assert_eq!(reading.admission.take_changes(), [change(Some(Cause::TooSlow))]);
    reading.flood(Routine, 10);
    assert_eq!(reading.admission.take_changes(), []);
    for _ in 0..MAX_WAIT_S {
        reading.tick();
    }
    assert_eq!(reading.admission.take_changes(), [change(None)]);
}
