//! Ids of what a report's forms name and Hilum's own facts don't. Each follows from what it names, so that a form made
//! again names the same things. No randomness, no clock.

use hilum_events::{JobId, StudyId};
use uuid::Uuid;

use crate::document::ModelKey;

/// Namespace of the UUIDv5 of models, and of the local codes as an OID.
pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(0x5e3f_9a40_3d28_590c_bc17_ad98_10d9_53e6);

/// The id of a part of a study's report, such as `fhir/report`: the same in every revision.
pub(crate) fn of_study(study_id: StudyId, what: &str) -> Uuid {
    Uuid::new_v5(&study_id.as_uuid(), what.as_bytes())
}

/// The id of a statement about one image.
pub(crate) fn of_image(job_id: JobId, what: &str) -> Uuid {
    Uuid::new_v5(&job_id.as_uuid(), what.as_bytes())
}

/// The id of a model as a device. Other weights or another preparation of its input are another device, as IHE AIR wants of a
/// model that was trained again.
pub fn of_device(model: &ModelKey) -> Uuid {
    let ModelKey { name, version, weights_sha256, preprocessing_id } = model;
    let name = format!("device/{name}/{version}/{weights_sha256}/{preprocessing_id}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The UUID as an OID and DICOM UID (PS3.5 B.2).
pub fn oid(uuid: Uuid) -> String {
    format!("2.25.{}", uuid.as_u128())
}

#[cfg(test)]
mod tests {
    use hilum_events::{Sha256Digest, samples};

    use super::*;

    #[test]
    fn another_version_weights_or_preparation_is_another_device() {
        let key = ModelKey::of(&samples::model());
        let id = of_device(&key);
        assert_eq!(of_device(&key.clone()), id);
        let others = [
            ModelKey { version: "2".to_owned(), ..key.clone() },
            ModelKey { weights_sha256: Sha256Digest::of(b"trained again"), ..key.clone() },
            ModelKey { preprocessing_id: "xrv-torchaa-224-1".to_owned(), ..key },
        ];
        assert!(others.iter().all(|other| of_device(other) != id));
    }

    #[test]
    fn an_oid_is_the_uuid_as_one_number_and_fits_into_a_dicom_uid() {
        assert_eq!(oid(Uuid::from_u128(7)), "2.25.7");
        assert!(oid(Uuid::max()).len() <= 64);
    }
}
