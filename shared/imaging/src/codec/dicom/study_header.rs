//! The patient and study of a DICOM object, read as bytes: dicom-rs decodes text by the first of its character sets alone
//! and would write Korean and Japanese names back as others. Knows no pixels.

use std::collections::BTreeMap;
use std::io::Read;

use dicom_core::Tag;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_parser::dataset::DataToken;
use dicom_parser::dataset::read::{DataSetReader, DataSetReaderOptions, ValueReadStrategy};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::lengths;
use super::walk::Part;
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
    lengths::check(bytes, Part::Head, limits)?;
    let values = values(bytes)?;
    let empty = Vec::new();
    let bytes = |tag| values.get(&tag).unwrap_or(&empty);
    let plain = |tag| String::from_utf8_lossy(bytes(tag)).trim_matches([' ', '\0']).to_owned();
    // An empty first value says that the default set comes first: no padding.
    let character_set = String::from_utf8_lossy(bytes(tags::SPECIFIC_CHARACTER_SET));
    let text = |tag| HeaderText::new(bytes(tag));
    let header = StudyHeader {
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
fn values(bytes: &[u8]) -> Result<BTreeMap<Tag, Vec<u8>>, Refusal> {
    let damaged = || Refusal::from(RefusalCode::Damaged);
    let (meta, data_set) = lengths::after_meta(bytes)?.ok_or_else(damaged)?;
    let uid = meta.transfer_syntax();
    let syntax = TransferSyntaxRegistry.get(uid).ok_or_else(|| super::unsupported_transfer_syntax(uid))?;
    let source: Box<dyn Read> = match syntax.codec() {
        Codec::Dataset(Some(adapter)) => adapter.adapt_reader(Box::new(data_set)),
        Codec::Dataset(None) => return Err(super::unsupported_transfer_syntax(uid)),
        Codec::None | Codec::EncapsulatedPixelData(..) => Box::new(data_set),
    };
    let options = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
    let tokens = DataSetReader::new_with_ts_options(source, syntax, options).map_err(|_| damaged())?;
    let (mut values, mut depth, mut wanted) = (BTreeMap::new(), 0_usize, None);
    for token in tokens {
        match token.map_err(|_| damaged())? {
            DataToken::SequenceStart { .. } | DataToken::PixelSequenceStart => depth += 1,
            DataToken::SequenceEnd => depth = depth.saturating_sub(1),
            DataToken::ElementHeader(header) if depth == 0 => {
                if header.tag > tags::STUDY_ID {
                    break;
                }
                wanted = WANTED.contains(&header.tag).then_some(header.tag);
            }
            DataToken::PrimitiveValue(PrimitiveValue::U8(bytes)) if depth == 0 => {
                if let Some(tag) = wanted.take() {
                    values.insert(tag, bytes.into_vec());
                }
            }
            _ => {}
        }
    }
    Ok(values)
}
