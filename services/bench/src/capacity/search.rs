//! Which number of senders is tried next. Pure.

/// The gap between what is held and what is not that is not looked into any more, as a part of what is held.
const PRECISION: u32 = 20;

/// Doubles until a number is not held, then halves the gap.
#[derive(Debug)]
pub(super) struct Search {
    next: u32,
    most: u32,
    held: u32,
    not_held: Option<u32>,
}

impl Search {
    /// Begins with `first`, never above `most`.
    pub(super) fn new(first: u32, most: u32) -> Self {
        Self { next: first.min(most), most, held: 0, not_held: None }
    }

    /// `None` when the number is found.
    pub(super) fn next(&self) -> Option<u32> {
        let gap = self.not_held.map_or(u32::MAX, |not_held| not_held - self.held);
        let is_found = self.held == self.most || gap <= (self.held / PRECISION).max(1);
        (!is_found).then_some(self.next)
    }

    /// How trying `senders` ended.
    pub(super) fn tell(&mut self, senders: u32, is_held: bool) {
        if is_held {
            self.held = self.held.max(senders);
        } else {
            self.not_held = Some(self.not_held.map_or(senders, |before| before.min(senders)));
        }
        self.next = match self.not_held {
            None => self.held.saturating_mul(2).min(self.most),
            Some(not_held) => self.held + (not_held - self.held) / 2,
        };
    }

    /// The largest number that was held; 0 if none was.
    pub(super) fn held(&self) -> u32 {
        self.held
    }

    /// Whether a larger number was not held.
    pub(super) fn is_bounded(&self) -> bool {
        self.not_held.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: u32, most: u32, truth: u32, expected: std::ops::RangeInclusive<u32>) {
        let mut search = Search::new(first, most);
        let mut tries = 0;
        while let Some(senders) = search.next() {
            tries += 1;
            assert!(tries < 40 && senders <= most, "{senders} at try {tries}");
            search.tell(senders, senders <= truth);
        }
        assert!(expected.contains(&search.held()), "{} of {truth}", search.held());
        assert_eq!(search.is_bounded(), search.held() < most);
    }

    #[test]
    fn the_largest_number_that_is_held_is_found_to_one_part_in_twenty() {
        for truth in [1, 2, 3, 7, 8, 9, 20, 100, 137, 1000] {
            check(8, 4096, truth, (truth - truth / 20)..=truth);
        }
        check(8, 4096, 0, 0..=0);
        check(8, 64, 1000, 64..=64);
        check(8, 4, 1000, 4..=4);
    }
}
