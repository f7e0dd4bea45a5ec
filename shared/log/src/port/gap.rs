//! Positions of the log at which there is nothing.

use std::fmt;

/// Positions of the log, `first_seq` to `last_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The first.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
}

impl Gap {
    /// How many positions these are.
    pub fn count(self) -> u64 {
        self.last_seq - self.first_seq + 1
    }

    pub(crate) fn has(self, seq: u64) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(f, "position {}", self.first_seq),
            _ => write!(f, "positions {} to {}", self.first_seq, self.last_seq),
        }
    }
}

/// Facts of the log can't be read any more: going on without them has to be somebody's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event log has a hole: no server can read {0} any more; restore stream EVENTS from a copy, or accept the loss with \
     `hilum log accept-loss`"
)]
pub struct HoleError(pub Gap);

/// The server has nothing at some positions of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{missing} facts are missing within the event log; restore stream EVENTS from a copy, or accept the loss with \
     `hilum log accept-loss`"
)]
pub(crate) struct MissingError {
    pub(crate) missing: u64,
}

/// How many positions from `first_seq` to `last_seq` are in any of the gaps.
pub(crate) fn count_within(mut gaps: Vec<Gap>, first_seq: u64, last_seq: u64) -> u64 {
    gaps.sort_unstable();
    let mut next = first_seq;
    let mut count = 0;
    for gap in gaps {
        let first = gap.first_seq.max(next);
        let behind = gap.last_seq.min(last_seq) + 1;
        count += behind.saturating_sub(first);
        next = next.max(behind);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_position_of_gaps_that_overlap_is_counted_once() {
        let gap = |first_seq, last_seq| Gap { first_seq, last_seq };
        assert_eq!(count_within(vec![], 1, 9), 0);
        assert_eq!(count_within(vec![gap(5, 6), gap(1, 2)], 1, 9), 4);
        assert_eq!(count_within(vec![gap(3, 5), gap(4, 4), gap(5, 12)], 1, 9), 7);
        assert_eq!(count_within(vec![gap(1, 3), gap(8, 9)], 3, 8), 2);
    }
}
