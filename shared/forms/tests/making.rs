//! Forms of a document in a real store.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "making/foreign.rs"]
mod foreign;
#[path = "making/revised.rs"]
mod revised;

use std::path::PathBuf;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{BlobRef, MediaType, Sha256Digest};
use hilum_forms::{DicomError, FormError, FormFiles, Format, Language, Maker, Message, PatientError};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_reports::{Choice, ObjectEntry, Pictures, Report, Summary, fhir, hl7, html, pdf, reduced, samples};

struct Store {
    folder: tempfile::TempDir,
    blobs: BlobStore,
    maker: Maker,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().join("objects").display());
        let blobs = BlobStore::open(&StoreConfig::at(&url)).unwrap();
        let maker = Maker::new(blobs.clone(), DecoderPool::new(DecoderConfig::sibling().unwrap()));
        Self { folder, blobs, maker }
    }

    /// The story's report with its pictures in the store.
    async fn story(&self) -> (Report, BlobRef) {
        let mut report = samples::one_of_each();
        let kept = self.blobs.put(samples::picture(512, 419).into()).await.unwrap();
        for image in report.images.iter_mut().filter(|image| image.preview.is_some()) {
            image.preview = Some(kept.clone());
        }
        let json = self.blobs.put(report.to_json().unwrap().into()).await.unwrap();
        (report, json)
    }

    fn path(&self, blob: &BlobRef) -> PathBuf {
        self.folder.path().join("objects").join(&blob.key)
    }

    async fn made(&self, json: &BlobRef, format: Format) -> FormFiles {
        self.maker.make(json, format, Language::English).await.unwrap()
    }

    async fn refused(&self, json: &BlobRef, format: Format) -> FormError {
        self.maker.make(json, format, Language::English).await.unwrap_err()
    }
}

#[tokio::test]
async fn every_form_is_what_the_pure_functions_make_of_the_document() {
    let store = Store::new();
    let (report, json) = store.story().await;
    let Choice::Shown { previews, max_side_px } = html::choice(&report) else { panic!("too many") };
    let mut pictures = Pictures::new();
    for preview in previews {
        let png = store.blobs.get(&preview).await.unwrap();
        pictures.insert(preview.sha256, reduced(png.into(), max_side_px));
    }
    for (format, expected) in [
        (Format::Json, report.to_json().unwrap()),
        (Format::Html, html::render(&report, &pictures, &json.sha256, Language::English).into_bytes()),
        (Format::Pdf, pdf::render(&report, &pictures, &json.sha256, Language::English).unwrap()),
        (Format::Fhir, fhir::bundle(&report)),
        (Format::Hl7, hl7::oru_r01(&report).into_bytes()),
    ] {
        let made = store.made(&json, format).await;
        assert!(made.is_whole && made.files.len() == 1, "{format}");
        assert!(made.files[0] == expected, "{format}");
        assert_eq!(store.made(&json, format).await, made, "{format}: the same each time");
        let in_korean = store.maker.make(&json, format, Language::Korean).await.unwrap();
        assert_eq!(in_korean != made, format.has_languages(), "{format}");
    }
}

const DICOM_FORMS: [Format; 3] = [Format::DicomSr, Format::DicomSc, Format::DicomPdf];

/// Whose the sample DICOM image is.
const PATIENT: &[u8] = b"CANARY^DONOTLEAK";

fn has(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn dicom_objects_name_the_patient_of_the_image_and_no_other_form_does() {
    let store = Store::new();
    let (mut report, _) = store.story().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/images/chest_mhh_19073f37.dcm");
    let stored = store.blobs.put(std::fs::read(file).unwrap().into()).await.unwrap();
    report.images.truncate(1);
    (report.images[0].sha256, report.images[0].size_bytes) = (stored.sha256, stored.size_bytes);
    report.summary = Summary { images: 1, completed: 1, failed: 0, duplicates: 0 };
    report.provenance.objects = vec![ObjectEntry { sha256: stored.sha256, key: stored.key.clone() }];
    let json = store.blobs.put(report.to_json().unwrap().into()).await.unwrap();
    for format in Format::ALL {
        let made = store.made(&json, format).await;
        assert!(made.is_whole && made.files.len() == 1, "{format}");
        assert_eq!(has(&made.files[0], PATIENT), format.names_patient(), "{format}");
        assert_eq!(made.files[0].get(128..132) == Some(b"DICM"), format.names_patient(), "{format}");
        assert_eq!(store.made(&json, format).await, made, "{format}: the same each time");
    }
    // Without the image nobody knows whose the report is, and it is not guessed.
    std::fs::remove_file(store.path(&stored)).unwrap();
    for format in DICOM_FORMS {
        let refused = store.refused(&json, format).await;
        assert!(matches!(refused, FormError::Dicom(DicomError::NoHeader)), "{format}: {refused}");
    }
    store.made(&json, Format::Pdf).await;
}

#[tokio::test]
async fn a_study_without_dicom_images_has_dicom_objects_that_name_nobody() {
    let store = Store::new();
    let (mut report, _) = store.story().await;
    for image in &mut report.images {
        (image.media_type, image.dicom) = (MediaType::Png, None);
    }
    let json = store.blobs.put(report.to_json().unwrap().into()).await.unwrap();
    for format in DICOM_FORMS {
        let made = store.made(&json, format).await;
        assert!(
            made.is_whole && made.files.iter().all(|file| file.get(128..132) == Some(b"DICM")),
            "{format}"
        );
    }
    assert_eq!(
        store.made(&json, Format::DicomSc).await.files.len(),
        1,
        "the second has the content of the first"
    );
}

#[tokio::test]
async fn a_page_without_a_picture_that_it_should_have_is_not_whole() {
    let store = Store::new();
    let (report, json) = store.story().await;
    std::fs::remove_file(store.path(report.images[0].preview.as_ref().unwrap())).unwrap();
    for format in [Format::Html, Format::Pdf] {
        assert!(!store.made(&json, format).await.is_whole, "{format}");
    }
    assert!(store.made(&json, Format::Fhir).await.is_whole, "it shows none");
}

#[tokio::test]
async fn a_document_that_is_gone_damaged_or_out_of_reach_makes_no_form() {
    let store = Store::new();
    let (_, json) = store.story().await;
    let sha256 = Sha256Digest::of(b"never stored");
    let never = BlobRef { key: format!("sha256/ne/{sha256}"), sha256, size_bytes: 12 };
    for format in Format::ALL {
        let lost = store.refused(&never, format).await;
        assert!(matches!(lost, FormError::Lost(_)) && !lost.is_transient(), "{format}: {lost}");
    }
    let whole = std::fs::read(store.path(&json)).unwrap();
    std::fs::write(store.path(&json), b"{}").unwrap();
    assert!(matches!(store.refused(&json, Format::Fhir).await, FormError::Lost(_)));
    std::fs::write(store.path(&json), whole).unwrap();

    // A file where the folder was: reading fails, and not for good.
    let (objects, aside) = (store.folder.path().join("objects"), store.folder.path().join("aside"));
    std::fs::rename(&objects, &aside).unwrap();
    std::fs::write(&objects, b"").unwrap();
    for format in Format::ALL {
        let away = store.refused(&json, format).await;
        assert!(matches!(away, FormError::Away(_)) && away.is_transient(), "{format}: {away}");
    }
}

#[tokio::test]
async fn a_document_with_a_flaw_or_of_a_newer_release_leaves_as_it_is_only() {
    let store = Store::new();
    let mut report = samples::one_of_each();
    report.summary.failed = 0;
    let flawed = store.blobs.put(report.to_json().unwrap().into()).await.unwrap();
    for format in [Format::Fhir, Format::Hl7, Format::DicomSr, Format::DicomSc, Format::DicomPdf] {
        let refused = store.refused(&flawed, format).await;
        assert!(matches!(refused, FormError::Flawed(_)) && !refused.is_transient(), "{format}: {refused}");
    }
    // People see what was issued, and that it does not add up.
    store.made(&flawed, Format::Json).await;
    store.made(&flawed, Format::Html).await;

    let newer = store.blobs.put(r#"{"format": "hilum-report/2"}"#.into()).await.unwrap();
    store.made(&newer, Format::Json).await;
    for format in [Format::Html, Format::Pdf, Format::Fhir, Format::Hl7, Format::DicomSr, Format::DicomPdf] {
        assert!(matches!(store.refused(&newer, format).await, FormError::Unreadable(_)), "{format}");
    }
}

/// The path of a file of the field.
fn field(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field").join(name)
}

/// The stored report of a study with these files of the field, in this order, all of them read.
async fn study_of(store: &Store, files: &[&str]) -> BlobRef {
    let (mut report, _) = store.story().await;
    let read = report.images[0].clone();
    report.images.clear();
    report.provenance.objects.clear();
    for (number, name) in (1..).zip(files) {
        let stored = store.blobs.put(std::fs::read(field(name)).unwrap().into()).await.unwrap();
        let mut image = read.clone();
        image.job_id = hilum_events::samples::job_id(number);
        (image.sha256, image.size_bytes) = (stored.sha256, stored.size_bytes);
        if name.ends_with(".png") {
            (image.media_type, image.dicom) = (MediaType::Png, None);
        }
        report.images.push(image);
        report.provenance.objects.push(ObjectEntry { sha256: stored.sha256, key: stored.key });
    }
    let images = u32::try_from(files.len()).unwrap();
    report.summary = Summary { images, completed: images, failed: 0, duplicates: 0 };
    store.blobs.put(report.to_json().unwrap().into()).await.unwrap()
}

#[tokio::test]
async fn images_with_one_number_and_several_names_make_no_object_in_anybodys_name() {
    let store = Store::new();
    for files in [["twoA.dcm", "twoB.dcm"], ["twoB.dcm", "twoA.dcm"]] {
        let json = study_of(&store, &files).await;
        for format in DICOM_FORMS {
            let refused = store.refused(&json, format).await;
            assert!(matches!(refused, FormError::Dicom(DicomError::SeveralPatients)), "{format}: {refused}");
            assert!(refused.to_string().contains("headers of this study's images differ"), "{refused}");
        }
    }
    // Each of them alone is somebody's.
    for file in ["twoA.dcm", "twoB.dcm"] {
        let json = study_of(&store, &[file]).await;
        assert!(store.made(&json, Format::DicomSr).await.is_whole);
    }
}

/// The value of Patient ID (0010,0020) in explicit VR little endian.
fn patient_id(file: &[u8]) -> String {
    let head = b"\x10\x00\x20\x00LO";
    let at = file.windows(head.len()).position(|window| window == head).unwrap() + head.len();
    let length = usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    String::from_utf8_lossy(&file[at + 2..at + 2 + length]).trim_end().to_owned()
}

#[tokio::test]
async fn a_message_names_the_patient_of_its_images_and_its_debug_nobody() {
    let store = Store::new();
    let json = study_of(&store, &["noname1.dcm", "noname2.dcm"]).await;
    let message = Message { names_patient: true, ..Message::default() };
    let made = store.maker.message(&json, &message).await.unwrap();
    assert!(made.is_whole && has(&made.files[0], b"\rPID|1||P-99||SMITH^JANE||19700101|M\r"));
    assert_eq!(format!("{made:?}"), "FormFiles(1 files, is_whole: true)");
    // Without being told to it is the form, and that names nobody.
    let unnamed = store.maker.message(&json, &Message::default()).await.unwrap();
    assert_eq!(unnamed, store.made(&json, Format::Hl7).await);
    assert!(!has(&unnamed.files[0], b"SMITH"));
    for files in [["twoA.dcm", "twoB.dcm"], ["twoB.dcm", "twoA.dcm"]] {
        let refused = store.maker.message(&study_of(&store, &files).await, &message).await.unwrap_err();
        assert!(matches!(refused, FormError::Patient(PatientError::Several)), "{refused}");
    }
    // A file that is gone may be the one that contradicts.
    let lost = store.blobs.put("of nobody".into()).await.unwrap();
    let mut report = Report::from_json(&store.blobs.get(&json).await.unwrap()).unwrap();
    (report.images[0].sha256, report.images[0].size_bytes) = (lost.sha256, lost.size_bytes);
    report.provenance.objects[0] = ObjectEntry { sha256: lost.sha256, key: lost.key.clone() };
    std::fs::remove_file(store.path(&lost)).unwrap();
    let json = store.blobs.put(report.to_json().unwrap().into()).await.unwrap();
    assert!(!store.maker.message(&json, &message).await.unwrap().is_whole);
}

#[tokio::test]
async fn the_identity_that_is_there_counts_in_either_order_and_none_is_filed_as_nobodys() {
    let store = Store::new();
    let named = store.made(&study_of(&store, &["noname2.dcm"]).await, Format::DicomSr).await;
    let named = patient_id(&named.files[0]);
    assert!(!named.is_empty() && !named.starts_with("HILUM-"), "the sample has a number");
    for files in [["noname1.dcm", "noname2.dcm"], ["noname2.dcm", "noname1.dcm"]] {
        let json = study_of(&store, &files).await;
        for format in DICOM_FORMS {
            for file in store.made(&json, format).await.files {
                assert_eq!(patient_id(&file), named, "{format} of {files:?}");
            }
        }
    }
    // Without any the study has a number of its own, which no other study has.
    let json = study_of(&store, &["noname1.dcm"]).await;
    for format in DICOM_FORMS {
        for file in store.made(&json, format).await.files {
            assert_eq!(patient_id(&file), format!("HILUM-{}", hilum_events::samples::study_id()), "{format}");
            assert!(has(&file, b"\x10\x00\x21\x00LO\x06\x00HILUM "), "{format}");
        }
    }
}
