//! DICOM objects by their identifiers. Pure.

use hilum_events::{Fact, ImageStored};

use crate::rows::InstanceRow;

impl InstanceRow {
    /// What a fact says of the object; `None` if it is none of DICOM.
    pub(crate) fn of(fact: &Fact<'_>, event: &ImageStored) -> Option<Self> {
        let identity = event.image.dicom.clone()?;
        let blob = event.image.blob.clone();
        Some(Self {
            job_id: event.job_id,
            stored_seq: fact.seq,
            site: fact.envelope.site.clone(),
            study_instance_uid: identity.study_instance_uid,
            series_instance_uid: identity.series_instance_uid,
            sop_instance_uid: identity.sop_instance_uid,
            modality: identity.modality,
            transfer_syntax_uid: identity.transfer_syntax_uid,
            rows_px: identity.rows,
            columns_px: identity.columns,
            sha256: blob.sha256,
            object_key: blob.key,
            size_bytes: blob.size_bytes,
        })
    }
}
