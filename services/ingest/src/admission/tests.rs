//! A box in numbers: looks each second, readers of a given pace, senders that send what is taken.

use Priority::{Routine, Stat};

use super::*;

const MAX_WAIT_S: u64 = 60;

struct BoxOf {
    admission: Admission,
    second: u64,
    per_s: u64,
    settled: u64,
    urgent: u64,
    routine: u64,
}

impl BoxOf {
    fn of(per_s: u64, bounds: Bounds) -> Self {
        Self { admission: Admission::new(bounds), second: 0, per_s, settled: 0, urgent: 0, routine: 0 }
    }

    fn patient_for(max_wait_s: u64) -> Bounds {
        let max_wait = (max_wait_s > 0).then_some(Duration::from_secs(max_wait_s));
        Bounds { max_wait, max_waiting: 100_000 }
    }

    /// Readers of so many images per second, with the usual bound.
    fn reading(per_s: u64) -> Self {
        Self::of(per_s, Self::patient_for(MAX_WAIT_S))
    }

    fn send(&mut self, lane: Priority) -> Result<(), Declined> {
        self.admission.begin(lane)?;
        self.admission.ended(lane, true);
        *match lane {
            Stat => &mut self.urgent,
            Routine => &mut self.routine,
        } += 1;
        Ok(())
    }

    /// As many of `images` as are taken.
    fn flood(&mut self, lane: Priority, images: usize) -> usize {
        (0..images).filter(|_| self.send(lane).is_ok()).count()
    }

    /// A second of reading, urgent ones first, and a look.
    fn tick(&mut self) {
        let look = self.admission.begin_look();
        let urgent = self.urgent.min(self.per_s);
        let routine = self.routine.min(self.per_s - urgent);
        (self.urgent, self.routine) = (self.urgent - urgent, self.routine - routine);
        self.settled += urgent + routine;
        self.second += 1;
        let images = self.urgent + self.routine;
        let found = Found { images, before_readers: 0, urgent: self.urgent, settled: self.settled };
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
    while reading.admission.closed(Routine).is_some() {
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
    let mut before = reading.admission.closed(Routine);
    for _ in 0..120 {
        reading.flood(Routine, 1000);
        reading.tick();
        let now = reading.admission.closed(Routine);
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
    let found = Found { images: 950, before_readers: 900, urgent: 10, settled: 0 };
    reading.admission.end_look(look, Duration::from_secs(2), found);
    assert_eq!(reading.admission.ahead(Stat), 60);
    assert_eq!(reading.admission.ahead(Routine), 950);
}

#[test]
fn uploads_under_way_count_and_those_that_fail_no_longer() {
    let mut reading = BoxOf::of(20, BoxOf::patient_for(10));
    let begun = (0..1000).filter(|_| reading.admission.begin(Routine).is_ok()).count();
    assert_eq!(begun, 40);
    reading.tick();
    assert_eq!(reading.admission.waiting(), 40);
    (0..begun).for_each(|_| reading.admission.ended(Routine, false));
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
    let bounds = Bounds { max_wait: None, max_waiting: 5 };
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
