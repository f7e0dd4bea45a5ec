//! The facts that were followed last, within a bound on their bytes. Knows no log.

use std::collections::BTreeMap;
use std::sync::Arc;

use hilum_log::Trace;

use crate::compose::StoredFact;

/// A fact and the trace it belongs to.
#[derive(Debug)]
pub(crate) struct TracedFact {
    pub(crate) fact: Arc<StoredFact>,
    pub(crate) trace: Trace,
}

/// Keeps the newest facts; the oldest make room.
#[derive(Debug)]
pub(crate) struct Recent {
    by_seq: BTreeMap<u64, Kept>,
    size_bytes: usize,
    limit_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    followed: Arc<TracedFact>,
    size_bytes: usize,
}

impl Recent {
    /// Keeps facts of `limit_bytes` together at most.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { by_seq: BTreeMap::new(), size_bytes: 0, limit_bytes }
    }

    /// Keeps a fact that takes `size_bytes` of memory.
    pub(crate) fn keep(&mut self, followed: TracedFact, size_bytes: usize) {
        let seq = followed.fact.seq;
        let kept = Kept { followed: Arc::new(followed), size_bytes };
        let before = self.by_seq.insert(seq, kept).map_or(0, |kept| kept.size_bytes);
        self.size_bytes = self.size_bytes + size_bytes - before;
        while self.size_bytes > self.limit_bytes {
            let Some((_, oldest)) = self.by_seq.pop_first() else { return };
            self.size_bytes -= oldest.size_bytes;
        }
    }

    /// The fact at position `seq`, if it is still there.
    pub(crate) fn get(&self, seq: u64) -> Option<Arc<TracedFact>> {
        self.by_seq.get(&seq).map(|kept| kept.followed.clone())
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use super::*;

    fn keep(recent: &mut Recent, seq: u64, size_bytes: usize) {
        let envelope = samples::image_stored(u128::from(seq), "a", 0);
        let fact = Arc::new(StoredFact { seq, stored_at: samples::at(0), envelope });
        recent.keep(TracedFact { fact, trace: Trace::default() }, size_bytes);
    }

    fn kept(recent: &Recent) -> Vec<u64> {
        (1..=10).filter(|seq| recent.get(*seq).is_some_and(|found| found.fact.seq == *seq)).collect()
    }

    #[test]
    fn the_oldest_make_room_for_the_newest_and_the_bound_holds() {
        let mut recent = Recent::new(100);
        (1..=3).for_each(|seq| keep(&mut recent, seq, 40));
        assert_eq!((kept(&recent), recent.size_bytes), (vec![2, 3], 80));
        keep(&mut recent, 4, 20);
        assert_eq!((kept(&recent), recent.size_bytes), (vec![2, 3, 4], 100));
        keep(&mut recent, 5, 81);
        assert_eq!((kept(&recent), recent.size_bytes), (vec![5], 81));
    }

    #[test]
    fn what_is_larger_than_all_the_room_is_not_kept() {
        let mut recent = Recent::new(100);
        keep(&mut recent, 1, 40);
        keep(&mut recent, 2, 101);
        assert_eq!((kept(&recent), recent.size_bytes), (vec![], 0));
    }

    #[test]
    fn a_fact_that_comes_twice_takes_its_room_once() {
        let mut recent = Recent::new(100);
        keep(&mut recent, 1, 60);
        keep(&mut recent, 1, 60);
        assert_eq!((kept(&recent), recent.size_bytes), (vec![1], 60));
    }
}
