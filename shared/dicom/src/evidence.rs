//! References to the images that an object is made of.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use hilum_imaging::StudyHeader;

use crate::codes;
use crate::data_set::DataSet;
use crate::subject::Subject;

/// A reference to an instance.
pub(crate) fn reference(header: &StudyHeader) -> DataSet {
    DataSet::new().text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &header.sop_class_uid).text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        &header.sop_instance_uid,
    )
}

/// A reference to an image that an image or document was made of.
pub(crate) fn source(header: &StudyHeader) -> DataSet {
    reference(header).code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::SOURCE_IMAGE)
}

/// The headers of the images that are told of, each instance once.
pub(crate) fn instances<'a>(subject: &Subject<'a>) -> Vec<&'a StudyHeader> {
    let mut instances: Vec<&StudyHeader> = Vec::new();
    for header in subject.images().into_iter().filter_map(|image| image.header) {
        if instances.iter().all(|known| known.sop_instance_uid != header.sop_instance_uid) {
            instances.push(header);
        }
    }
    instances
}

/// The evidence sequences of a report: images of its own study, and of others.
pub(crate) fn evidence(subject: &Subject<'_>) -> DataSet {
    let study = subject.study_instance_uid();
    let (own, other): (Vec<_>, Vec<_>) =
        instances(subject).into_iter().partition(|header| header.study_instance_uid == study);
    let sequences = [
        (tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, own),
        (tags::PERTINENT_OTHER_EVIDENCE_SEQUENCE, other),
    ];
    sequences.into_iter().fold(DataSet::new(), |data_set, (tag, headers)| {
        if headers.is_empty() { data_set } else { data_set.items(tag, by_study(&headers)) }
    })
}

fn by_study(headers: &[&StudyHeader]) -> Vec<DataSet> {
    grouped(headers, |header| &header.study_instance_uid)
        .into_iter()
        .map(|(study, headers)| {
            let series = grouped(&headers, |header| &header.series_instance_uid);
            let series = series.into_iter().map(|(series, headers)| {
                DataSet::new()
                    .text(tags::SERIES_INSTANCE_UID, VR::UI, series)
                    .items(tags::REFERENCED_SOP_SEQUENCE, headers.iter().map(|header| reference(header)))
            });
            DataSet::new().items(tags::REFERENCED_SERIES_SEQUENCE, series).text(
                tags::STUDY_INSTANCE_UID,
                VR::UI,
                study,
            )
        })
        .collect()
}

/// In the order in which each key comes first.
fn grouped<'a>(
    headers: &[&'a StudyHeader],
    key: impl Fn(&'a StudyHeader) -> &'a str,
) -> Vec<(&'a str, Vec<&'a StudyHeader>)> {
    let mut groups: Vec<(&str, Vec<&StudyHeader>)> = Vec::new();
    for header in headers {
        match groups.iter_mut().find(|(known, _)| *known == key(header)) {
            Some((_, group)) => group.push(header),
            None => groups.push((key(header), vec![header])),
        }
    }
    groups
}
