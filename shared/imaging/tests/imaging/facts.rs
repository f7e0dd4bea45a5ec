//! The codes that rules may look at are read from the header, and nothing that is no code.

use hilum_events::MediaType;
use hilum_imaging::{DicomFacts, Preparation};

use crate::support::dicom::{BODY_PART, Elements, Form, MODALITY, VIEW};
use crate::support::{image, media, pool};

async fn facts(bytes: &[u8]) -> Option<DicomFacts> {
    pool().prepare(media(bytes), bytes, &Preparation::default()).await.unwrap().facts
}

fn object(modality: &str, body_part: &str, view: &str) -> Elements {
    let row = Elements::row(Form { allocated: 8, stored: 8, signed: false }, &[1, 2]);
    row.text(MODALITY, "CS", modality).text(BODY_PART, "CS", body_part).text(VIEW, "CS", view)
}

#[tokio::test]
async fn modality_body_part_and_view_are_told() {
    let found = facts(&object("DX", "CHEST", "PA").file()).await.unwrap();
    assert_eq!(found.modality.as_deref(), Some("DX"));
    assert_eq!(found.body_part.as_deref(), Some("CHEST"));
    assert_eq!(found.view.as_deref(), Some("PA"));
    let whole_body = facts(&object("NM", "WHOLE BODY", "").file()).await.unwrap();
    assert_eq!((whole_body.body_part.as_deref(), whole_body.view), (Some("WHOLE BODY"), None));
}

#[tokio::test]
async fn what_is_no_code_is_not_told() {
    let free =
        ["Doe^John", "born 1950", "CHEST, LYING ON THE LEFT", "LUNGE\u{fc}", "A  B", "THORAX ABDOMEN 17"];
    for text in free {
        assert_eq!(facts(&object(text, text, text).file()).await, Some(DicomFacts::default()), "{text}");
    }
    let spaced = facts(&object("DOE JOHN", "CHEST", "DOE JOHN").file()).await.unwrap();
    assert_eq!((spaced.modality, spaced.view), (None, None));
}

#[tokio::test]
async fn a_file_without_a_header_has_no_facts() {
    let png = image("mhh_19073f37.png");
    assert_eq!(MediaType::recognise(&png), Some(MediaType::Png));
    assert_eq!(facts(&png).await, None);
}

#[tokio::test]
async fn a_sample_names_no_patient_in_its_facts() {
    let found = facts(&image("chest_mhh_19073f37.dcm")).await.unwrap();
    assert_eq!((found.modality.as_deref(), found.body_part.as_deref()), (Some("CR"), Some("CHEST")));
    assert!(!format!("{found:?}").contains("CANARY"));
}
