//! Which objects this process knows to be done with: a bounded number, the oldest are forgotten. It saves questions and decides
//! nothing.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hilum_events::JobId;

/// Some 15 MB.
const MOST: usize = 200_000;

/// Ids of jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    ids: HashSet<JobId>,
    order: VecDeque<JobId>,
    most: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Memory {
    fn of(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Known { ids: HashSet::new(), order: VecDeque::new(), most })))
    }

    /// Whether it is known.
    pub(crate) fn has(&self, id: JobId) -> bool {
        self.known().ids.contains(&id)
    }

    /// Remembers it.
    pub(crate) fn add(&self, id: JobId) {
        let mut known = self.known();
        if known.ids.insert(id) {
            known.order.push_back(id);
            if known.order.len() > known.most
                && let Some(oldest) = known.order.pop_front()
            {
                known.ids.remove(&oldest);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let memory = Memory::of(3);
        let id = |number| JobId::from_uuid(Uuid::from_u128(number));
        for number in [1, 2, 1, 3, 4] {
            memory.add(id(number));
        }
        let known: Vec<_> = (1..=4).filter(|number| memory.has(id(*number))).collect();
        assert_eq!(known, [2, 3, 4]);
        assert_eq!(memory.known().order.len(), 3);
    }
}
