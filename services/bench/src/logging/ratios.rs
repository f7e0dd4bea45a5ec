//! How many times as long one thing took as another, pair by pair, so that whatever changes on the machine meanwhile is
//! in both. Pure.

use std::time::Duration;

use super::super::statistics::ratio;

/// Half the width of the interval that holds the true median 19 times of 20, in ranks per root of the number: 1.96 / 2.
const RANKS: f64 = 0.98;

/// Ratios of pairs, at least one.
#[derive(Debug, Clone)]
pub(super) struct Ratios {
    sorted: Vec<f64>,
}

impl Ratios {
    /// Of durations and what each is held against; `None` of nothing.
    pub(super) fn of(durations: &[Duration], against: &[Duration]) -> Option<Self> {
        let pairs = durations.iter().zip(against);
        let mut sorted: Vec<f64> = pairs.map(|(duration, against)| ratio(*duration, *against)).collect();
        sorted.sort_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Self { sorted })
    }

    /// As many pairs are above it as below.
    pub(super) fn median(&self) -> f64 {
        self.sorted[self.sorted.len() / 2]
    }

    /// Where the median of endlessly many such pairs would be, 19 times of 20.
    pub(super) fn interval(&self) -> (f64, f64) {
        let (middle, count) = (self.sorted.len() / 2, self.sorted.len());
        let away = (RANKS * (count as f64).sqrt()).ceil() as usize;
        (self.sorted[middle.saturating_sub(away)], self.sorted[(middle + away).min(count - 1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_us(pairs: impl Iterator<Item = (u64, u64)>) -> Option<Ratios> {
        let (durations, against): (Vec<_>, Vec<_>) =
            pairs.map(|(one, other)| (Duration::from_micros(one), Duration::from_micros(other))).unzip();
        Ratios::of(&durations, &against)
    }

    #[test]
    fn a_machine_that_gets_ever_slower_changes_nothing() {
        let slower = (1..=100).map(|number| (number * 1010, number * 1000));
        let ratios = of_us(slower).unwrap();
        assert_eq!((ratios.median(), ratios.interval()), (1.01, (1.01, 1.01)));
    }

    #[test]
    fn the_interval_is_around_the_median_and_within_what_was_measured() {
        let ratios = of_us((1..=400).map(|number| (number, 100))).unwrap();
        assert_eq!(ratios.median(), 2.01);
        assert_eq!(ratios.interval(), (1.81, 2.21));
        let few = of_us([(1, 1), (3, 1)].into_iter()).unwrap();
        assert_eq!(few.interval(), (1.0, 3.0));
        assert!(of_us(std::iter::empty()).is_none());
    }
}
