//! The patient and study of a DICOM object, read as bytes: a reader that decodes text by the first of its character sets alone
//! writes Korean and Japanese names back as others. Knows no pixels.

use std::collections::BTreeMap;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::elements::Content;
use super::file::{File, Part};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::study_header::{HeaderText, StudyHeader};

/// All that is looked at, in the order of a file.
const WANTED: [Tag; 17] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::STUDY_DESCRIPTION,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::STUDY_ID,
];

/// The header of an object whose pixels need not be readable.
pub(in crate::codec) fn study_header(bytes: &[u8], limits: &Limits) -> Result<StudyHeader, Refusal> {
    let file = File::open(bytes, Part::Whole, limits)?;
    let values = values(&file)?;
    let bytes = |tag| values.get(&tag).copied().unwrap_or_default();
    let plain = |tag| String::from_utf8_lossy(bytes(tag)).trim_matches([' ', '\0']).to_owned();
    // An empty first value says that the default set comes first: no padding.
    let character_set = String::from_utf8_lossy(bytes(tags::SPECIFIC_CHARACTER_SET));
    let text = |tag| HeaderText::new(bytes(tag));
    let header = StudyHeader {
        data_set_sha256: Some(file.data_set_sha256()),
        specific_character_set: character_set.trim_end_matches([' ', '\0']).to_owned(),
        sop_class_uid: plain(tags::SOP_CLASS_UID),
        sop_instance_uid: plain(tags::SOP_INSTANCE_UID),
        study_instance_uid: plain(tags::STUDY_INSTANCE_UID),
        series_instance_uid: plain(tags::SERIES_INSTANCE_UID),
        timezone_offset_from_utc: plain(tags::TIMEZONE_OFFSET_FROM_UTC),
        study_date: plain(tags::STUDY_DATE),
        study_time: plain(tags::STUDY_TIME),
        patient_birth_date: plain(tags::PATIENT_BIRTH_DATE),
        patient_sex: plain(tags::PATIENT_SEX),
        patient_name: text(tags::PATIENT_NAME),
        patient_id: text(tags::PATIENT_ID),
        issuer_of_patient_id: text(tags::ISSUER_OF_PATIENT_ID),
        accession_number: text(tags::ACCESSION_NUMBER),
        study_id: text(tags::STUDY_ID),
        referring_physician_name: text(tags::REFERRING_PHYSICIAN_NAME),
        study_description: text(tags::STUDY_DESCRIPTION),
    };
    header.sound().ok_or_else(|| RefusalCode::MissingIdentifier.into())
}

/// The wanted values of the data set itself, not of what lies within its sequences.
fn values<'a>(file: &'a File<'_>) -> Result<BTreeMap<Tag, &'a [u8]>, Refusal> {
    let (mut values, mut elements) = (BTreeMap::new(), file.elements());
    while elements.next_tag().is_none_or(|tag| tag <= tags::STUDY_ID) {
        let Some(element) = elements.next().map_err(|fault| file.refusal(fault))? else { break };
        if let Content::Bytes(value) = element.value
            && WANTED.contains(&element.tag)
            && values.insert(element.tag, value).is_some_and(|other| other != value)
        {
            return Err(RefusalCode::Damaged.with("two values of one element".into()));
        }
    }
    Ok(values)
}
