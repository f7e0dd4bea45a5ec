//! UIDs that follow from what they name (PS3.5 B.2: a UUID as one number): an object that is made again is the same
//! object, and an archive that has it stores nothing twice. No randomness.

use hilum_events::{Sha256Digest, StudyId};
use hilum_reports::identity::oid;
use uuid::Uuid;

/// Namespace of all UUIDv5 made here.
const NAMESPACE: Uuid = Uuid::from_u128(0xe4c9_4a6e_a607_5f6c_bc92_828c_d724_dded);

/// Of something in the objects of one document: `role` says what, in which version of its form.
pub(crate) fn of_document(json_sha256: &Sha256Digest, role: &str) -> String {
    named(&format!("dicom/{json_sha256}/{role}"))
}

/// Of what is said of a label of an image: the same in every revision.
pub(crate) fn of_tracking(study_id: StudyId, image: &Sha256Digest, label: &str) -> String {
    named(&format!("tracking/{study_id}/{image}/{label}"))
}

/// Of Hilum itself at a site.
pub(crate) fn of_site(site: &str) -> String {
    named(&format!("site/{site}"))
}

/// Of what writes these files.
pub(crate) fn of_implementation() -> String {
    named("implementation/hilum-dicom")
}

/// Of a study that came without one.
pub(crate) fn of_study(study_id: StudyId) -> String {
    oid(study_id.as_uuid())
}

fn named(name: &str) -> String {
    oid(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_follows_from_what_it_names_and_fits() {
        let document = Sha256Digest::of(b"document");
        assert_eq!(of_document(&document, "sr/1"), of_document(&document, "sr/1"));
        assert_ne!(of_document(&document, "sr/1"), of_document(&document, "sr/2"));
        assert_ne!(of_document(&document, "sr/1"), of_document(&Sha256Digest::of(b"other"), "sr/1"));
        assert!(of_document(&document, "sr/1").len() <= 64);
    }
}
