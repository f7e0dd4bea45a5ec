//! A structured report names the one that it takes the place of.

use hilum_events::BlobRef;
use hilum_forms::{FormFiles, Format};
use hilum_reports::Report;

use crate::{Store, has, study_of};

/// The stored report that takes the place of another one, of the same images.
pub(crate) async fn revision_after(store: &Store, json: &BlobRef) -> BlobRef {
    let mut report = Report::from_json(&store.blobs.get(json).await.unwrap()).unwrap();
    report.provenance.previous_revision = Some(report.revision);
    report.provenance.previous_document = Some(json.clone());
    report.revision += 1;
    store.blobs.put(report.to_json().unwrap().into()).await.unwrap()
}

/// SOP Instance UID (0008,0018) in explicit VR little endian.
fn uid(made: &FormFiles) -> String {
    let (file, head) = (&made.files[0], b"\x08\x00\x18\x00UI");
    let at = file.windows(head.len()).position(|window| window == head).unwrap() + head.len();
    let length = usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    String::from_utf8_lossy(&file[at + 2..at + 2 + length]).trim_end_matches('\0').to_owned()
}

/// Whether it has a Predecessor Documents Sequence (0040,A360).
fn has_predecessor(made: &FormFiles) -> bool {
    has(&made.files[0], b"\x40\x00\x60\xa3SQ")
}

#[tokio::test]
async fn a_revised_structured_report_names_the_object_that_was_made_of_the_revision_before() {
    let store = Store::new();
    for files in [&["d00_ref8.dcm"][..], &["p00_ref.png"], &["noname1.dcm", "noname2.dcm"]] {
        let first = study_of(&store, files).await;
        let second = revision_after(&store, &first).await;
        let third = revision_after(&store, &second).await;
        let mut before: Option<FormFiles> = None;
        for json in [&first, &second, &third] {
            let made = store.made(json, Format::DicomSr).await;
            assert!(made.is_whole);
            assert_eq!(made, store.made(json, Format::DicomSr).await, "the same each time");
            assert_eq!(has_predecessor(&made), before.is_some());
            if let Some(before) = &before {
                assert!(has(&made.files[0], uid(before).as_bytes()), "{files:?}");
                assert_ne!(uid(before), uid(&made));
            }
            before = Some(made);
        }
    }
}

#[tokio::test]
async fn without_the_document_before_a_structured_report_is_another_object_and_not_whole() {
    let store = Store::new();
    let first = study_of(&store, &["d00_ref8.dcm"]).await;
    let second = revision_after(&store, &first).await;
    let whole = store.made(&second, Format::DicomSr).await;
    let document = std::fs::read(store.path(&first)).unwrap();
    let lacks_it = async |store: &Store| {
        let made = store.made(&second, Format::DicomSr).await;
        assert!(!made.is_whole && !has_predecessor(&made));
        assert_ne!(uid(&made), uid(&whole));
    };
    std::fs::write(store.path(&first), b"{}").unwrap();
    lacks_it(&store).await;
    std::fs::remove_file(store.path(&first)).unwrap();
    lacks_it(&store).await;
    // Forms that name no predecessor do not need it.
    for format in [Format::DicomPdf, Format::DicomSc, Format::Html] {
        assert!(store.made(&second, format).await.is_whole, "{format}");
    }
    std::fs::write(store.path(&first), document).unwrap();
    assert_eq!(store.made(&second, Format::DicomSr).await, whole);
}

#[tokio::test]
async fn a_document_that_is_not_the_one_before_is_not_named() {
    let store = Store::new();
    let first = study_of(&store, &["d00_ref8.dcm"]).await;
    let third = revision_after(&store, &revision_after(&store, &first).await).await;
    let mut report = Report::from_json(&store.blobs.get(&third).await.unwrap()).unwrap();
    report.provenance.previous_document = Some(first);
    let wrong = store.blobs.put(report.to_json().unwrap().into()).await.unwrap();
    let made = store.made(&wrong, Format::DicomSr).await;
    assert!(!made.is_whole && !has_predecessor(&made));
}
