//! What of each parcel its target took already: a parcel that failed half through is finished, object by object. Kept in
//! memory only: what is forgotten is sent once more, and a receiver that has it says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hilum_events::{Matter, Sha256Digest, StudyId};

use super::Parcel;
use crate::forms::Object;

/// Parcels that are remembered; the oldest is forgotten.
const PARCELS_MAX: usize = 1_000;

type Key = (StudyId, Matter);
type Receipts = BTreeMap<Sha256Digest, String>;

/// What the target took of the parcels that it did not take as a whole.
#[derive(Debug, Default)]
pub(super) struct Halves(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    taken: BTreeMap<Key, Receipts>,
    order: VecDeque<Key>,
}

/// Of one parcel.
pub(super) struct Progress<'a> {
    halves: &'a Halves,
    key: Key,
    /// Its objects, each with its hash.
    objects: Vec<(&'a Object, Sha256Digest)>,
}

impl Halves {
    pub(super) fn of<'a>(&'a self, parcel: &'a Parcel) -> Progress<'a> {
        let key = (parcel.study_id, parcel.matter.clone());
        let objects = parcel.objects.iter().map(|object| (object, Sha256Digest::of(&object.bytes))).collect();
        Progress { halves: self, key, objects }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Progress<'a> {
    /// The objects that were not taken yet, with their numbers.
    pub(super) fn open(&self) -> Vec<(usize, &'a Object)> {
        let memory = self.halves.memory();
        let taken = memory.taken.get(&self.key);
        let is_open = |hash| taken.is_none_or(|taken| !taken.contains_key(hash));
        let all = self.objects.iter().enumerate();
        all.filter(|(_, (_, hash))| is_open(hash)).map(|(number, (object, _))| (number, *object)).collect()
    }

    /// The target took this object.
    pub(super) fn took(&self, number: usize, receipt: String) {
        let mut memory = self.halves.memory();
        if !memory.taken.contains_key(&self.key) {
            memory.order.push_back(self.key.clone());
            if memory.order.len() > PARCELS_MAX
                && let Some(oldest) = memory.order.pop_front()
            {
                memory.taken.remove(&oldest);
            }
        }
        memory.taken.entry(self.key.clone()).or_default().insert(self.objects[number].1, receipt);
    }

    /// The parcel ended: nothing of it is remembered. The receipts of all objects.
    pub(super) fn end(&self) -> String {
        let mut memory = self.halves.memory();
        let taken = memory.taken.remove(&self.key).unwrap_or_default();
        memory.order.retain(|key| *key != self.key);
        let receipts = self.objects.iter().filter_map(|(_, hash)| taken.get(hash));
        receipts.map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hilum_events::samples;

    use super::*;

    fn parcel(revision: u32) -> Parcel {
        let object = |text: &'static str| Object {
            form: "dicom-sr",
            file_name: "sr.dcm".to_owned(),
            bytes: Bytes::from_static(text.as_bytes()),
        };
        Parcel {
            site: "north".parse().unwrap(),
            study_id: samples::study_id(),
            matter: Matter::Report(revision),
            objects: vec![object("one"), object("two")],
        }
    }

    #[test]
    fn what_was_taken_is_not_open_until_the_parcel_ends() {
        let (halves, parcel) = (Halves::default(), parcel(1));
        halves.of(&parcel).took(0, "first".to_owned());
        let again = halves.of(&parcel);
        assert_eq!(again.open().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
        again.took(1, "second".to_owned());
        assert_eq!(again.end(), "first, second");
        assert_eq!(halves.of(&parcel).open().len(), 2, "a redrive sends all");
    }

    #[test]
    fn no_more_is_remembered_than_fits() {
        let halves = Halves::default();
        for revision in 1..=u32::try_from(PARCELS_MAX).unwrap() + 1 {
            halves.of(&parcel(revision)).took(0, String::new());
        }
        assert_eq!((halves.of(&parcel(1)).open().len(), halves.of(&parcel(2)).open().len()), (2, 1));
        assert_eq!(halves.memory().taken.len(), PARCELS_MAX);
    }
}
