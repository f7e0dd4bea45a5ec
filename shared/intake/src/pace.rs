//! How fast images are read, estimated from how much the readers have settled between two looks. Times come in as arguments;
//! knows nothing of uploads.

use std::collections::VecDeque;
use std::time::Duration;

/// Far enough back that the steps of batches even out, near enough that a change shows.
const WINDOW: Duration = Duration::from_secs(10);
/// Over less, one batch more or less decides.
const SHORTEST_SPAN: Duration = Duration::from_secs(2);
/// Readers that settle nothing for longer are away rather than slow. The slowest that are known need 8 s for a batch.
const LONGEST_STEP: Duration = Duration::from_secs(15);

/// Until they were seen: the slowest box that is of use, 32-bit floats on one core.
pub(crate) const ASSUMED_PER_S: f64 = 4.0;

/// The speed of the readers while they have enough to do.
#[derive(Debug)]
pub(crate) struct Pace {
    last: Option<Step>,
    /// Looks that saw more settled than the one before, of one stretch of work.
    steps: VecDeque<Step>,
    /// Where a span begins in which they need not have had enough to do.
    quiet: Option<Step>,
    per_s: f64,
}

/// What was settled when.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Duration,
    settled: u64,
}

impl Step {
    /// Images per second between `first` and this; none if that is too short to tell.
    fn per_s_since(self, first: Self) -> Option<f64> {
        let span = self.at.saturating_sub(first.at);
        let settled = self.settled.saturating_sub(first.settled);
        (span >= SHORTEST_SPAN).then(|| settled as f64 / span.as_secs_f64())
    }
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { last: None, steps: VecDeque::new(), quiet: None, per_s: ASSUMED_PER_S }
    }

    /// Records that at time `at` the readers had settled `settled` images in all. While they are `busy` this measures how fast
    /// they are; else it is only a lower bound.
    pub(crate) fn look(&mut self, at: Duration, settled: u64, busy: bool) {
        let now = Step { at, settled };
        let Some(last) = self.last.replace(now) else { return };
        let goes_on = self.steps.back().is_some_and(|last| at.saturating_sub(last.at) <= LONGEST_STEP);
        if !busy || !goes_on || settled < last.settled {
            self.steps.clear();
        }
        if busy {
            self.quiet = None;
            if settled > last.settled {
                self.step(now);
            }
        } else {
            self.rest(now);
        }
    }

    fn step(&mut self, now: Step) {
        self.steps.push_back(now);
        while self.steps.get(1).is_some_and(|second| now.at.saturating_sub(second.at) >= WINDOW) {
            self.steps.pop_front();
        }
        if let Some(per_s) = self.steps.front().and_then(|first| now.per_s_since(*first)) {
            self.per_s = per_s;
        }
    }

    fn rest(&mut self, now: Step) {
        let first = *self.quiet.get_or_insert(now);
        if let Some(per_s) = now.per_s_since(first) {
            self.per_s = per_s.max(self.per_s);
            self.quiet = Some(now);
        }
    }

    /// Images per second as last seen, above 0. While the readers are away it stays: for how long that will be nobody
    /// knows.
    pub(crate) fn per_s(&self) -> f64 {
        self.per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each second, from second 0, each with what is settled by then; the pace afterwards.
    fn pace(looks: impl IntoIterator<Item = (u64, bool)>) -> f64 {
        let mut pace = Pace::new();
        for (second, (settled, busy)) in (0..).zip(looks) {
            pace.look(Duration::from_secs(second), settled, busy);
        }
        pace.per_s()
    }

    #[test]
    fn nothing_is_known_before_the_readers_were_busy_for_a_while() {
        assert_eq!(pace([]), ASSUMED_PER_S);
        assert_eq!(pace([(0, true), (20, true), (40, true)]), ASSUMED_PER_S);
        assert_eq!(pace((0..60).map(|second| (second, false))), ASSUMED_PER_S);
        assert_eq!(pace((0..60).map(|_| (7, true))), ASSUMED_PER_S);
    }

    #[test]
    fn busy_readers_show_their_speed_and_what_they_did_before_does_not_count() {
        assert_eq!(pace((0..5).map(|second| (20 * second, true))), 20.0);
        let faster = (0..60).map(|second| (if second < 30 { second } else { 30 + 50 * (second - 30) }, true));
        assert_eq!(pace(faster), 50.0);
    }

    #[test]
    fn large_batches_of_slow_readers_even_out() {
        let batches = (0..60).map(|second| (8 * (second / 8), true));
        assert_eq!(pace(batches), 1.0);
    }

    #[test]
    fn what_comes_while_there_is_little_to_do_is_no_speed() {
        let quiet_after_work =
            (0..60).map(|second| if second < 10 { (20 * second, true) } else { (200, false) });
        assert_eq!(pace(quiet_after_work), 20.0);
    }

    #[test]
    fn readers_for_whom_everything_is_little_are_as_fast_as_they_were_seen() {
        let bursts =
            (0..60).map(|second| (if second < 20 { 240 * second } else { 240 * 20 + second }, false));
        assert_eq!(pace(bursts), 240.0);
    }

    #[test]
    fn readers_that_were_away_are_as_fast_as_before_and_their_absence_is_not_counted() {
        let settled = |second: u64| match second {
            0..10 => 20 * second,
            10..100 => 180,
            _ => 180 + 20 * (second - 99),
        };
        for seconds in [15, 40, 100, 104, 120] {
            assert_eq!(pace((0..seconds).map(|second| (settled(second), true))), 20.0, "{seconds}");
        }
    }

    #[test]
    fn counting_from_zero_again_is_a_new_beginning() {
        let replaced =
            (0..30).map(|second| (if second < 20 { 1000 + second } else { 5 * (second - 20) }, true));
        assert_eq!(pace(replaced), 5.0);
    }
}
