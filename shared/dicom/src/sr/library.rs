//! The image library (TID 1600): every image that the report is about.

use dicom_dictionary_std::tags;

use crate::codes;
use crate::content::{Relation, code, container, image, number};
use crate::data_set::DataSet;
use crate::subject::{Image, Subject};

/// `None` if no image can be referred to.
pub(super) fn library(subject: &Subject<'_>) -> Option<DataSet> {
    let mut seen = Vec::new();
    let mut entries = Vec::new();
    for image in subject.images() {
        let Some(header) = image.header else { continue };
        if !seen.contains(&&header.sop_instance_uid) {
            seen.push(&header.sop_instance_uid);
            entries.extend(entry(&image));
        }
    }
    let group = || container(codes::IMAGE_LIBRARY_GROUP, std::mem::take(&mut entries));
    (!seen.is_empty()).then(group).map(|group| container(codes::IMAGE_LIBRARY, vec![group]))
}

/// TID 1601, with what is known of 1602.
fn entry(image: &Image<'_>) -> Option<DataSet> {
    const CONTEXT: Relation = Relation::AcquisitionContext;
    let entry = self::image(None, image.header?);
    let Some(dicom) = &image.entry.dicom else { return Some(entry) };
    let modality = dicom.modality.as_deref().and_then(codes::modality);
    let mut descriptors: Vec<_> =
        modality.map(|modality| code(CONTEXT, codes::MODALITY, modality)).into_iter().collect();
    descriptors.push(number(CONTEXT, codes::ROWS, f64::from(dicom.rows), codes::PIXELS));
    descriptors.push(number(CONTEXT, codes::COLUMNS, f64::from(dicom.columns), codes::PIXELS));
    Some(entry.items(tags::CONTENT_SEQUENCE, descriptors))
}
