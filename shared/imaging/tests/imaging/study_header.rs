//! Whose image it is comes out of a decoder process as it stands in the file, and shows nowhere else.

use hilum_imaging::{HeaderText, RefusalCode};

use crate::support::dicom::{Elements, Form, Tag};
use crate::support::{image, pool};

const CHARACTER_SET: Tag = (0x0008, 0x0005);
const SOP_CLASS: Tag = (0x0008, 0x0016);
const SOP_INSTANCE: Tag = (0x0008, 0x0018);
const STUDY_DATE: Tag = (0x0008, 0x0020);
const ACCESSION: Tag = (0x0008, 0x0050);
const OFFSET: Tag = (0x0008, 0x0201);
const NAME: Tag = (0x0010, 0x0010);
const PATIENT_ID: Tag = (0x0010, 0x0020);
const SEX: Tag = (0x0010, 0x0040);
const OTHER_PATIENT_IDS: Tag = (0x0010, 0x1002);
const STUDY: Tag = (0x0020, 0x000D);
const SERIES: Tag = (0x0020, 0x000E);
const STUDY_ID: Tag = (0x0020, 0x0010);

/// With the UIDs that every object must have.
fn object() -> Elements {
    let row = Elements::row(Form { allocated: 8, stored: 8, signed: false }, &[1, 2]);
    row.text(SOP_CLASS, "UI", "1.2.3")
        .text(SOP_INSTANCE, "UI", "1.2.4")
        .text(STUDY, "UI", "1.2.5")
        .text(SERIES, "UI", "1.2.6")
}

#[tokio::test]
async fn patient_and_study_come_as_they_stand_in_the_file() {
    let file = object()
        .text(NAME, "PN", "Doe^Jane")
        .text(PATIENT_ID, "LO", "4711")
        .text(SEX, "CS", "F")
        .text(STUDY_DATE, "DA", "20260102")
        .text(ACCESSION, "SH", "A-1")
        .text(OFFSET, "SH", "+0900")
        .text(STUDY_ID, "SH", "7")
        .file();
    let header = pool().study_header(&file).await.unwrap();
    assert_eq!((header.sop_class_uid.as_str(), header.sop_instance_uid.as_str()), ("1.2.3", "1.2.4"));
    assert_eq!((header.study_instance_uid.as_str(), header.series_instance_uid.as_str()), ("1.2.5", "1.2.6"));
    let texts = [&header.patient_name, &header.patient_id, &header.accession_number, &header.study_id];
    assert_eq!(texts.map(HeaderText::as_bytes), [&b"Doe^Jane"[..], b"4711", b"A-1", b"7"]);
    assert_eq!((header.patient_sex.as_str(), header.study_date.as_str()), ("F", "20260102"));
    assert_eq!(header.timezone_offset_from_utc, "+0900");
    assert!(header.study_description.is_empty() && header.study_time.is_empty());
    let shown = format!("{header:?} {:?}", header.patient_name);
    assert!(!shown.contains("Doe") && !shown.contains("4711") && !shown.contains("1.2."), "{shown}");
}

/// Two character sets in one value, which dicom-rs doesn't decode.
#[tokio::test]
async fn a_korean_name_keeps_its_bytes_and_the_character_sets_they_are_in() {
    let name =
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
    let length = (name.len() as u16).to_le_bytes();
    let sets = "\\ISO 2022 IR 149";
    let mut file = object().text(CHARACTER_SET, "CS", sets).text(NAME, "PN", &"x".repeat(name.len())).file();
    let place = file.windows(4).position(|window| window == [b'P', b'N', length[0], length[1]]).unwrap() + 4;
    file[place..place + name.len()].copy_from_slice(name);
    let header = pool().study_header(&file).await.unwrap();
    assert_eq!(header.patient_name.as_bytes(), name);
    assert_eq!(header.specific_character_set, sets);
}

#[tokio::test]
async fn what_has_not_the_form_it_must_have_is_left_out_and_the_rest_kept() {
    let file = object()
        .text(NAME, "PN", &"x".repeat(2000))
        .text(PATIENT_ID, "LO", "47\r\n11")
        .text(STUDY_DATE, "DA", "2026/1/2")
        .text(SEX, "CS", "female")
        .text(OFFSET, "SH", "CET")
        .text(ACCESSION, "SH", "A-1")
        .file();
    let header = pool().study_header(&file).await.unwrap();
    assert!(header.patient_name.is_empty() && header.patient_id.is_empty());
    assert!([header.study_date, header.patient_sex, header.timezone_offset_from_utc].concat().is_empty());
    assert_eq!(header.accession_number.as_bytes(), b"A-1");
}

#[tokio::test]
async fn the_number_of_another_patient_within_a_sequence_is_not_taken_for_this_ones() {
    let other = Elements::default().text(PATIENT_ID, "LO", "OTHER").text(NAME, "PN", "Other");
    let header = pool().study_header(&object().item(OTHER_PATIENT_IDS, &other).file()).await.unwrap();
    assert!(header.patient_id.is_empty() && header.patient_name.is_empty());
    let file = object().text(PATIENT_ID, "LO", "4711").item(OTHER_PATIENT_IDS, &other).file();
    assert_eq!(pool().study_header(&file).await.unwrap().patient_id.as_bytes(), b"4711");
}

#[tokio::test]
async fn an_object_without_its_uids_has_no_header() {
    let nameless = object().text(SOP_CLASS, "UI", "").file();
    assert_eq!(crate::support::refusal(pool().study_header(&nameless).await), RefusalCode::MissingIdentifier);
    let png = image("mhh_19073f37.png");
    assert_eq!(crate::support::refusal(pool().study_header(&png).await), RefusalCode::NotAnImage);
    let mut cut = object().text(NAME, "PN", "Doe^Jane").file();
    // In the midst of the name.
    cut.truncate(212);
    assert_eq!(crate::support::refusal(pool().study_header(&cut).await), RefusalCode::Truncated);
}

/// Implicit VR, big endian, deflated, compressed pixels, colour: pixels are another matter.
#[tokio::test]
async fn every_transfer_syntax_gives_the_header_also_of_an_image_that_is_not_read() {
    let expected = [
        ("MR_small_implicit.dcm", "CompressedSamples^MR1"),
        ("MR_small_expb.dcm", "CompressedSamples^MR1"),
        ("MR_small_RLE.dcm", "CompressedSamples^MR1"),
        ("chest_mhh_5f619d7e_jpegls.dcm", "CANARY^DONOTLEAK"),
    ];
    let pool = pool();
    for (name, patient) in expected {
        let header = pool.study_header(&image(name)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(header.patient_name.as_bytes()), patient, "{name}");
    }
    for name in ["image_dfl.dcm", "SC_rgb_rle_2frame.dcm", "rtplan.dcm"] {
        assert!(!pool.study_header(&image(name)).await.unwrap().sop_class_uid.is_empty(), "{name}");
    }
}
