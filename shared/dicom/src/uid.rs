//! UIDs that follow from what they name (PS3.5 B.2: a UUID as one number): an object that is made again is the same
//! object, and an archive that has it stores nothing twice. No randomness.

use hilum_events::{Sha256Digest, StudyId};
use hilum_reports::ModelKey;
use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(0x5e3f_9a40_3d28_590c_bc17_ad98_10d9_53e6);

/// Of something in the objects of one document: `role` says what, in which version of its form.
pub(crate) fn of_document(json_sha256: &Sha256Digest, role: &str) -> String {
    named(&format!("dicom/{json_sha256}/{role}"))
}

/// Of what is said of a label of an image: the same in every revision.
pub(crate) fn of_tracking(study_id: StudyId, image: &Sha256Digest, label: &str) -> String {
    named(&format!("tracking/{study_id}/{image}/{label}"))
}

/// Of a model as a device: other weights or another preparation of its input are another one.
pub(crate) fn of_device(model: &ModelKey) -> String {
    let ModelKey { name, version, weights_sha256, preprocessing_id } = model;
    named(&format!("device/{name}/{version}/{weights_sha256}/{preprocessing_id}"))
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

fn oid(uuid: Uuid) -> String {
    format!("2.25.{}", uuid.as_u128())
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use super::*;

    #[test]
    fn a_uid_follows_from_what_it_names_and_fits() {
        let document = Sha256Digest::of(b"document");
        assert_eq!(of_document(&document, "sr/1"), of_document(&document, "sr/1"));
        assert_ne!(of_document(&document, "sr/1"), of_document(&document, "sr/2"));
        assert_ne!(of_document(&document, "sr/1"), of_document(&Sha256Digest::of(b"other"), "sr/1"));
        assert!(of_document(&document, "sr/1").len() <= 64 && oid(Uuid::max()).len() <= 64);
        assert_eq!(oid(Uuid::from_u128(7)), "2.25.7");
    }

    #[test]
    fn other_weights_or_another_preparation_are_another_device() {
        let key = ModelKey::of(&samples::model());
        let retrained = ModelKey { weights_sha256: Sha256Digest::of(b"trained again"), ..key.clone() };
        let otherwise = ModelKey { preprocessing_id: "other".to_owned(), ..key.clone() };
        let uids = [key, retrained, otherwise].map(|key| of_device(&key));
        assert!(uids[0] != uids[1] && uids[0] != uids[2] && uids[1] != uids[2]);
    }
}
