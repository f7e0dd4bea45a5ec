//! How often the fold may write: at once after a rest, in fewer and larger transactions under load, so that folding
//! leaves the machine to the readings. Pure: times come as arguments.

use std::time::{Duration, Instant};

/// Between the beginnings of two transactions, at least.
const SHORTEST_GAP: Duration = Duration::from_millis(10);
/// And at most: nobody shall wait longer than this for an event because of the pace.
const LONGEST_GAP: Duration = Duration::from_millis(100);
/// In the long run so many times as long as transactions take goes by in all.
const SHARE: u32 = 8;
/// What a rest allows at once: the transactions of a few single images.
const CREDIT: Duration = Duration::from_millis(40);

/// A budget of time for transactions: what they take is owed, and paid off as time goes by.
#[derive(Debug)]
pub(crate) struct Pace {
    owed: Duration,
    at: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { owed: Duration::ZERO, at: now }
    }

    /// A transaction began at `began` and ended at `now`; when the next one may begin.
    pub(crate) fn after(&mut self, began: Instant, now: Instant) -> Instant {
        let paid = now.saturating_duration_since(self.at) / SHARE;
        self.owed = self.owed.saturating_sub(paid) + now.saturating_duration_since(began);
        self.at = now;
        let too_much = self.owed.saturating_sub(CREDIT) * SHARE;
        began + too_much.clamp(SHORTEST_GAP, LONGEST_GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Gaps, in milliseconds, between the beginnings of transactions that take `takes_ms` each.
    fn gaps(takes_ms: u32, pause_ms: u32, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let (mut now, mut pace) = (start, Pace::new(start));
        let mut gaps = Vec::new();
        for _ in 0..count {
            let (began, ended) = (now, now + MS * takes_ms);
            let next = pace.after(began, ended).max(ended);
            gaps.push((next - began).as_millis());
            now = next + MS * pause_ms;
        }
        gaps
    }

    #[test]
    fn after_a_rest_a_few_events_are_folded_at_once() {
        assert_eq!(gaps(3, 0, 8), [10; 8]);
        assert!(gaps(4, 100, 50).iter().all(|gap| *gap == 10));
    }

    #[test]
    fn under_load_transactions_become_fewer() {
        let gaps = gaps(6, 0, 100);
        assert_eq!(gaps[0], 10);
        assert!((45..=51).contains(&gaps[99]), "{gaps:?}");
    }

    #[test]
    fn a_slow_database_is_not_waited_for_longer_than_it_takes() {
        assert!(gaps(40, 0, 50).iter().all(|gap| *gap <= 100));
        assert!(gaps(500, 0, 5).iter().all(|gap| *gap == 500));
    }
}
