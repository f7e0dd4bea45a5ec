//! The structured report of the revision before, as the next one refers to it (PS3.3 C.17.2): who has both knows which of
//! them holds.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use hilum_events::Sha256Digest;
use hilum_reports::Report;

use super::{CLASS, ROLE};
use crate::data_set::DataSet;
use crate::modules::series_uid;
use crate::subject::Subject;
use crate::{SR, Sources};

/// A revision whose structured report another one takes the place of.
#[derive(Debug, Clone, Copy)]
pub struct Predecessor<'a> {
    /// Its document.
    pub report: &'a Report,
    /// The hash of the document's bytes.
    pub json_sha256: &'a Sha256Digest,
    /// The headers of its images.
    pub sources: &'a Sources,
}

impl Predecessor<'_> {
    /// A reference to its structured report. Empty if it has none because its patient could not be told.
    pub(super) fn reference(&self) -> DataSet {
        let Ok(subject) = Subject::new(self.report, self.json_sha256, self.sources) else {
            return DataSet::new();
        };
        let instance = DataSet::new().text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, CLASS).text(
            tags::REFERENCED_SOP_INSTANCE_UID,
            VR::UI,
            subject.uid(SR, ROLE),
        );
        let series = DataSet::new()
            .text(tags::SERIES_INSTANCE_UID, VR::UI, series_uid(&subject, SR))
            .items(tags::REFERENCED_SOP_SEQUENCE, [instance]);
        let study = DataSet::new()
            .text(tags::STUDY_INSTANCE_UID, VR::UI, subject.study_instance_uid())
            .items(tags::REFERENCED_SERIES_SEQUENCE, [series]);
        DataSet::new().items(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, [study])
    }
}
