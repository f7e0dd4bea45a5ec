//! The bytes of every form of the story's report, as files in `golden/`, and documents that earlier releases wrote. Bytes
//! that change get a new version and a new file; a document there is never changed and must still be read.

use std::path::PathBuf;

use hilum_events::Sha256Digest;
use hilum_reports::{Choice, Form, Language, Picture, Pictures, Report, fhir, hl7, html, reduced, samples};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The file of that name; makes it of `bytes` when it is wanted and missing.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = folder().join(name);
    if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !path.exists() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; write it once with HILUM_WRITE_NEW_GOLDEN=1", path.display())
    })
}

/// Compares with the file of the form's version.
fn check(form: Form, what: &str, bytes: &[u8]) {
    let name = format!("{what}.v{}", form.version);
    assert!(golden(&name, bytes) == bytes, "other bytes than in {name}: raise the version of the form");
}

/// What a form wants of the document's pictures, all of them in storage.
fn pictures(choice: Choice) -> Pictures {
    let Choice::Shown { previews, max_side_px } = choice else { panic!("{choice:?}") };
    let picture = |number: u32| reduced(samples::picture(512, 400 + number), max_side_px);
    (0..).zip(previews).map(|(number, preview)| (preview.sha256, picture(number))).collect()
}

#[test]
fn the_page_has_the_bytes_of_its_version() {
    let report = samples::revised();
    let json_sha256 = Sha256Digest::of(&report.to_json().unwrap());
    let page = html::render(&report, &pictures(html::choice(&report)), &json_sha256, Language::English);
    check(html::FORM, "revised.html", page.as_bytes());
}

#[test]
fn the_page_in_korean_has_the_bytes_of_its_version() {
    let report = samples::incomplete();
    let json_sha256 = Sha256Digest::of(&report.to_json().unwrap());
    let page = html::render(&report, &pictures(html::choice(&report)), &json_sha256, Language::Korean);
    check(html::FORM, "incomplete.ko.html", page.as_bytes());
}

#[test]
fn the_bundle_and_the_message_have_the_bytes_of_their_versions() {
    let report = samples::revised();
    check(fhir::FORM, "revised.fhir.json", &fhir::bundle(&report));
    check(hl7::FORM, "revised.hl7", hl7::oru_r01(&report).as_bytes());
}

#[test]
fn a_picture_that_is_made_smaller_has_the_bytes_of_the_page_that_shows_it() {
    let Picture::Shown { png } = reduced(samples::picture(512, 419), 128) else { panic!("it is a picture") };
    check(html::FORM, "reduced.png", &png);
}

#[test]
fn the_document_is_written_as_it_was_and_one_from_before_it_named_pictures_is_still_read() {
    let report = samples::one_of_each();
    let json = report.to_json().unwrap();
    assert!(golden("document.json", &json) == json, "keep the old file as one that must still be read");

    let mut before = report;
    for image in &mut before.images {
        (image.preview, image.preview_missing) = (None, None);
    }
    let json = golden("document-without-pictures.json", &before.to_json().unwrap());
    assert_eq!(Report::from_json(&json).unwrap(), before);
    let page = html::render(&before, &Pictures::new(), &Sha256Digest::of(&json), Language::English);
    assert_eq!(page.matches("No preview: none was kept.").count(), 4);
}
