//! Which objects of each shipment its target took already: one that failed half through is finished, object by object. Kept
//! in memory only: what is forgotten is sent once more, and a receiver that has it says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hilum_events::{Matter, Sha256Digest, StudyId};

use crate::shipment::{Object, Shipment};

/// Shipments that are remembered; the oldest is forgotten.
const SHIPMENTS_MAX: usize = 1_000;

type Key = (StudyId, Matter);
type Receipts = BTreeMap<Sha256Digest, String>;

/// The shipments that the target took in part.
#[derive(Debug, Default)]
pub(crate) struct PartialShipments(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    taken: BTreeMap<Key, Receipts>,
    order: VecDeque<Key>,
}

/// How far one shipment is.
pub(crate) struct Progress<'a> {
    partial: &'a PartialShipments,
    key: Key,
    shipment: &'a Shipment,
    /// Its objects, each with its hash.
    objects: Vec<(&'a Object, Sha256Digest)>,
}

impl PartialShipments {
    pub(crate) fn of<'a>(&'a self, shipment: &'a Shipment) -> Progress<'a> {
        let key = (shipment.study_id, shipment.matter.clone());
        let objects =
            shipment.objects.iter().map(|object| (object, Sha256Digest::of(&object.bytes))).collect();
        Progress { partial: self, key, shipment, objects }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Progress<'a> {
    pub(crate) fn shipment(&self) -> &'a Shipment {
        self.shipment
    }

    /// The objects that were not taken yet, with their numbers.
    pub(crate) fn open(&self) -> Vec<(usize, &'a Object)> {
        let memory = self.partial.memory();
        let taken = memory.taken.get(&self.key);
        let is_open = |hash| taken.is_none_or(|taken| !taken.contains_key(hash));
        let all = self.objects.iter().enumerate();
        all.filter(|(_, (_, hash))| is_open(hash)).map(|(number, (object, _))| (number, *object)).collect()
    }

    /// Notes that the target took this object.
    pub(crate) fn took(&self, number: usize, receipt: String) {
        let mut memory = self.partial.memory();
        if !memory.taken.contains_key(&self.key) {
            memory.order.push_back(self.key.clone());
            if memory.order.len() > SHIPMENTS_MAX
                && let Some(oldest) = memory.order.pop_front()
            {
                memory.taken.remove(&oldest);
            }
        }
        memory.taken.entry(self.key.clone()).or_default().insert(self.objects[number].1, receipt);
    }

    /// Forgets the shipment and returns the receipts of all its objects, in one line.
    pub(crate) fn end(&self) -> String {
        let mut memory = self.partial.memory();
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

    fn shipment(revision: u32) -> Shipment {
        let object = |text: &'static str| Object {
            form: "dicom-sr",
            file_name: "sr.dcm".to_owned(),
            bytes: Bytes::from_static(text.as_bytes()),
        };
        Shipment {
            site: "north".parse().unwrap(),
            study_id: samples::study_id(),
            matter: Matter::Report(revision),
            objects: vec![object("one"), object("two")],
        }
    }

    #[test]
    fn what_was_taken_is_not_open_until_the_shipment_ends() {
        let (partial, shipment) = (PartialShipments::default(), shipment(1));
        partial.of(&shipment).took(0, "first".to_owned());
        let again = partial.of(&shipment);
        assert_eq!(again.open().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
        again.took(1, "second".to_owned());
        assert_eq!(again.end(), "first, second");
        assert_eq!(partial.of(&shipment).open().len(), 2, "a redrive sends all");
    }

    #[test]
    fn no_more_is_remembered_than_fits() {
        let partial = PartialShipments::default();
        for revision in 1..=u32::try_from(SHIPMENTS_MAX).unwrap() + 1 {
            partial.of(&shipment(revision)).took(0, String::new());
        }
        assert_eq!((partial.of(&shipment(1)).open().len(), partial.of(&shipment(2)).open().len()), (2, 1));
        assert_eq!(partial.memory().taken.len(), SHIPMENTS_MAX);
    }
}
