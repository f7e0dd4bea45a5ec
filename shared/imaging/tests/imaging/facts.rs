//! What tells what an image shows is read from the header as it stands there, wherever it stands.

use hilum_events::MediaType;
use hilum_imaging::{Concept, HeaderValue, ImageHeader, Preparation};

use crate::support::dicom::{BODY_PART, Elements, Form, MODALITY, Tag, VIEW};
use crate::support::{image, media, pool};

const SOP_CLASS: Tag = (0x0008, 0x0016);
const INTENT: Tag = (0x0008, 0x0068);
const REGIONS: Tag = (0x0008, 0x2218);
const SPECIES: Tag = (0x0010, 0x2201);
const SPECIES_CODES: Tag = (0x0010, 0x2202);
const BREED: Tag = (0x0010, 0x2292);
const ORIENTATION: Tag = (0x0020, 0x0020);
const VIEW_CODES: Tag = (0x0054, 0x0220);
const CODE: Tag = (0x0008, 0x0100);
const MEANING: Tag = (0x0008, 0x0104);

async fn header(bytes: &[u8]) -> Option<ImageHeader> {
    pool().prepare(media(bytes), bytes, &Preparation::default()).await.unwrap().header
}

async fn header_of(elements: &Elements) -> ImageHeader {
    header(&elements.file()).await.unwrap()
}

fn row() -> Elements {
    Elements::row(Form { allocated: 8, stored: 8, signed: false }, &[1, 2])
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::Text(text.to_owned())
}

fn item(code: &str, meaning: &str) -> Elements {
    Elements::default().text(CODE, "SH", code).text(MEANING, "LO", meaning)
}

#[tokio::test]
async fn every_place_that_tells_what_an_image_shows_is_read() {
    let object = row()
        .text(MODALITY, "CS", "DX")
        .text(SOP_CLASS, "UI", "1.2.840.10008.5.1.4.1.1.1.1\0")
        .text(INTENT, "CS", "FOR PROCESSING")
        .text(BODY_PART, "CS", "CHEST")
        .item(REGIONS, &item("51185008", "Chest"))
        .text(VIEW, "CS", "PA")
        .item(VIEW_CODES, &item("272479007", "postero-anterior"))
        .text(ORIENTATION, "CS", "L\\F")
        .text(SPECIES, "LO", "Canine")
        .item(SPECIES_CODES, &item("448771007", "Dog"))
        .text(BREED, "LO", "Beagle");
    let concept = |code: &str, meaning: &str| vec![Concept { code: text(code), meaning: text(meaning) }];
    let expected = ImageHeader {
        modality: text("DX"),
        sop_class_uid: text("1.2.840.10008.5.1.4.1.1.1.1"),
        presentation_intent: text("FOR PROCESSING"),
        body_part: text("CHEST"),
        anatomic_regions: concept("51185008", "Chest"),
        view_position: text("PA"),
        view_codes: concept("272479007", "postero-anterior"),
        patient_orientation: text("L\\F"),
        species: text("Canine"),
        species_codes: concept("448771007", "Dog"),
        breed: text("Beagle"),
    };
    assert_eq!(header_of(&object).await, expected);
}

#[tokio::test]
async fn what_is_odd_is_told_as_it_stands_there_and_what_is_no_text_as_unreadable() {
    for odd in ["HAND, LEFT", "Abdomen", "LUMBAR SPINE LATERAL", "A  B", "PA\\LAT", "."] {
        let found = header_of(&row().text(BODY_PART, "CS", odd).text(VIEW, "CS", odd)).await;
        assert_eq!((found.body_part, found.view_position), (text(odd), text(odd)));
    }
    let found = header_of(&row().words(BODY_PART, "US", &[7]).item(VIEW, &Elements::default())).await;
    assert_eq!((found.body_part, found.view_position), (HeaderValue::Unreadable, HeaderValue::Unreadable));
    let found =
        header_of(&row().text(VIEW_CODES, "LO", "lateral").text(BODY_PART, "CS", &"X".repeat(200))).await;
    assert_eq!((found.view_codes, found.body_part), (vec![Concept::default()], HeaderValue::Unreadable));
}

#[tokio::test]
async fn what_is_empty_is_absent() {
    let empty = row().text(MODALITY, "CS", "").text(BODY_PART, "CS", "  ").long(VIEW_CODES, "SQ", &[]);
    assert_eq!(header_of(&empty).await, ImageHeader::default());
}

#[tokio::test]
async fn a_file_without_a_header_has_none() {
    let png = image("mhh_19073f37.png");
    assert_eq!(MediaType::recognise(&png), Some(MediaType::Png));
    assert_eq!(header(&png).await, None);
}

#[tokio::test]
async fn nothing_of_a_header_is_shown_to_those_who_debug() {
    let found = header(&image("chest_mhh_19073f37.dcm")).await.unwrap();
    assert_eq!((&found.modality, &found.body_part), (&text("CR"), &text("CHEST")));
    let shown = format!("{found:?}");
    assert!(!shown.contains("CANARY") && !shown.contains("CHEST"), "{shown}");
}
