//! What is handed over to a target: the objects of a report or of a flag. Their bytes may name a patient.

use std::fmt;

use bytes::Bytes;
use hilum_events::{DeliveredObject, Matter, Sha256Digest, Site, StudyId};

/// One file of a shipment. Its bytes may name a patient: `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its form, or `flag`.
    pub form: &'static str,
    /// What its file is called.
    pub file_name: String,
    /// Its bytes: the same each time.
    pub bytes: Bytes,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { form, file_name, bytes } = self;
        write!(f, "Object({form}, {file_name}, {} bytes)", bytes.len())
    }
}

impl Object {
    /// As the log records it once it was taken.
    pub fn delivered(&self) -> DeliveredObject {
        DeliveredObject {
            form: self.form.to_owned(),
            sha256: Sha256Digest::of(&self.bytes),
            size_bytes: self.bytes.len() as u64,
        }
    }
}

/// What one delivery hands over.
#[derive(Debug, Clone)]
pub struct Shipment {
    /// Where the study came from.
    pub site: Site,
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The objects, one at least.
    pub objects: Vec<Object>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_named_where_an_object_is_printed() {
        let bytes = Bytes::from_static(b"PID|1||CANARY");
        let object = Object { form: "hl7", file_name: "report.hl7".to_owned(), bytes };
        assert_eq!(format!("{object:?}"), "Object(hl7, report.hl7, 13 bytes)");
    }
}
