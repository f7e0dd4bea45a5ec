//! What is said of many durations. Pure.

use std::time::Duration;

/// Durations of one kind, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    /// `None` of nothing: it has no median.
    pub(super) fn of(mut measured: Vec<Duration>) -> Option<Self> {
        measured.sort_unstable();
        (!measured.is_empty()).then_some(Self { sorted: measured })
    }

    /// The latencies of both measurements together.
    pub(super) fn and(self, others: Self) -> Self {
        let mut sorted = [self.sorted, others.sorted].concat();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// The shortest measured duration that `percent` of all do not exceed (nearest rank, nothing made up between
    /// two measured ones).
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.sorted.len() * percent.min(100)).div_ceil(100).max(1);
        self.sorted[rank - 1]
    }

    /// The median: the 50th percentile.
    pub(super) fn p50(&self) -> Duration {
        self.percentile(50)
    }

    /// What all but one in twenty stay within.
    pub(super) fn p95(&self) -> Duration {
        self.percentile(95)
    }

    /// What all but one in a hundred stay within.
    pub(super) fn p99(&self) -> Duration {
        self.percentile(99)
    }

    /// The longest of all: the 100th percentile.
    pub(super) fn longest(&self) -> Duration {
        self.percentile(100)
    }

    /// How many were measured.
    pub(super) fn count(&self) -> usize {
        self.sorted.len()
    }
}

/// How many times as long as `other`.
pub(super) fn ratio(duration: Duration, other: Duration) -> f64 {
    duration.as_nanos() as f64 / other.as_nanos().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ms(measured: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies::of(measured.into_iter().map(Duration::from_millis).collect()).unwrap()
    }

    fn check(latencies: &Latencies, percent: usize, expected_ms: u128) {
        assert_eq!(latencies.percentile(percent).as_millis(), expected_ms, "p{percent}");
    }

    #[test]
    fn a_percentile_is_the_measured_value_at_the_nearest_rank() {
        let hundred = of_ms((1..=100).rev());
        for percent in [1, 50, 95, 99, 100] {
            check(&hundred, percent, percent as u128);
        }
        check(&hundred, 0, 1);
        let five = of_ms([50, 15, 40, 20, 35]);
        for (percent, expected_ms) in [(5, 15), (30, 20), (40, 20), (50, 35), (95, 50), (100, 50)] {
            check(&five, percent, expected_ms);
        }
    }

    #[test]
    fn of_sixty_three_may_be_slower_than_the_p95() {
        let mut measured = vec![10; 57];
        measured.extend([900, 901, 902]);
        let sixty = of_ms(measured.clone());
        assert_eq!((sixty.p50().as_millis(), sixty.p95().as_millis()), (10, 10));
        measured[0] = 899;
        assert_eq!(of_ms(measured).p95().as_millis(), 899);
    }

    #[test]
    fn two_measurements_together_are_one() {
        assert_eq!(of_ms([3, 1]).and(of_ms([2, 9])), of_ms([1, 2, 3, 9]));
    }

    #[test]
    fn one_duration_is_every_percentile_and_none_has_no_percentile() {
        let one = of_ms([7]);
        assert_eq!((one.p50(), one.p95(), one.count()), (one.longest(), one.longest(), 1));
        assert_eq!(Latencies::of(Vec::new()), None);
    }

    #[test]
    fn a_ratio_says_how_many_times_as_long() {
        assert_eq!(ratio(Duration::from_millis(300), Duration::from_millis(100)), 3.0);
        assert!(ratio(Duration::from_millis(1), Duration::ZERO).is_finite());
    }
}
