//! The bytes of every released event version, as files in `streams/golden/`. A file there is never changed:
//! a new version gets a new file, and the old one must still be read.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use hilum_events::{DecodeError, Envelope, Event, ImageSource, Way, samples};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../streams/golden")
}

#[test]
fn every_event_is_written_as_its_golden_bytes_say() {
    for envelope in samples::one_of_each() {
        let name = format!("{}.v{}.cbor", envelope.event.name(), envelope.event.version());
        let path = folder().join(name);
        if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !path.exists() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, envelope.encode()).unwrap();
        }
        let golden = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; write it once with HILUM_WRITE_NEW_GOLDEN=1", path.display())
        });
        assert_eq!(envelope.encode(), golden, "{}", path.display());
    }
}

#[test]
fn every_golden_file_is_still_read() {
    let mut read = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let envelope = Envelope::decode(&std::fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with(envelope.event.name()), "{name}");
        read += 1;
    }
    assert!(read >= samples::one_of_each().len());
}

#[test]
fn a_reading_of_the_first_version_has_no_notice_and_was_not_reused() {
    let bytes = std::fs::read(folder().join("inference-completed.v1.cbor")).unwrap();
    let Event::InferenceCompleted(reading) = Envelope::decode(&bytes).unwrap().event else { panic!() };
    assert_eq!((reading.notices.len(), reading.reused_from), (0, None));
}

#[test]
fn a_report_of_the_first_version_names_its_page_and_a_new_one_has_none() {
    let report = |version: u32| {
        let bytes = std::fs::read(folder().join(format!("report-issued.v{version}.cbor"))).unwrap();
        let Event::ReportIssued(report) = Envelope::decode(&bytes).unwrap().event else { panic!() };
        report
    };
    let (first, second) = (report(1), report(2));
    assert_eq!(first.html, Some(samples::image("html").blob));
    assert_eq!(first.objects().count(), 2, "the document and the page");
    assert_eq!((second.html, second.previews.len()), (None, 1));
}

#[test]
fn what_was_written_before_studies_could_be_incomplete_was_complete() {
    let event = |name: &str| {
        let bytes = std::fs::read(folder().join(format!("{name}.cbor"))).unwrap();
        Envelope::decode(&bytes).unwrap().event
    };
    let Event::ReportIssued(report) = event("report-issued.v2") else { panic!() };
    assert_eq!((report.pending, report.complete), (0, true));
    let Event::ImageStored(image) = event("image-stored.v1") else { panic!() };
    assert_eq!((image.series.len(), image.expected_images, image.prior_study_id), (0, None, None));
}

#[test]
fn a_failed_reading_says_who_says_so_since_releases_do() {
    let said = |name: &str| {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let Event::InferenceFailed(failed) = Envelope::decode(&bytes).unwrap().event else { panic!() };
        failed.reader
    };
    assert_eq!(said("inference-failed.v1.cbor"), None);
    let mut envelope = samples::inference_failed(3, "b", 4);
    if let Event::InferenceFailed(failed) = &mut envelope.event {
        failed.reader = Some(samples::reader());
    }
    let name = "inference-failed.v1-with-reader.cbor";
    if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !folder().join(name).exists() {
        std::fs::write(folder().join(name), envelope.encode()).unwrap();
    }
    assert_eq!(std::fs::read(folder().join(name)).unwrap(), envelope.encode());
    assert_eq!(said(name), Some(samples::reader()));
}

#[test]
fn an_image_says_how_it_came_in_since_there_is_more_than_one_way() {
    let said = |name: &str| {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let Event::ImageStored(stored) = Envelope::decode(&bytes).unwrap().event else { panic!() };
        stored.source
    };
    assert_eq!(said("image-stored.v2.cbor"), None);
    let source = ImageSource {
        way: Way::Dicom,
        sender: Some("CR_ROOM_1".to_owned()),
        peer: Some("192.0.2.7".to_owned()),
        transfer: Some("01890a5d-ac96-774b-bcce-b302099a8057".to_owned()),
    };
    let mut envelope = samples::image_stored(1, "a", 0);
    if let Event::ImageStored(stored) = &mut envelope.event {
        stored.source = Some(source.clone());
    }
    let name = "image-stored.v2-with-source.cbor";
    if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !folder().join(name).exists() {
        std::fs::write(folder().join(name), envelope.encode()).unwrap();
    }
    assert_eq!(std::fs::read(folder().join(name)).unwrap(), envelope.encode());
    assert_eq!(said(name), Some(source));
}

/// As a newer release may write it.
fn of_a_newer_release(name: &str, must_understand: Option<bool>) -> DecodeError {
    let bytes = samples::image_stored(1, "a", 0).encode();
    let mut value: ciborium::Value = ciborium::from_reader(bytes.as_slice()).unwrap();
    let fields = value.as_map_mut().unwrap();
    for (key, entry) in fields.iter_mut() {
        match key.as_text() {
            Some("version") => *entry = 99.into(),
            Some("name") => *entry = name.into(),
            _ => {}
        }
    }
    fields.extend(must_understand.map(|flag| ("must_understand".into(), flag.into())));
    let mut newer = Vec::new();
    ciborium::into_writer(&value, &mut newer).unwrap();
    Envelope::decode(&newer).unwrap_err()
}

#[test]
fn an_event_of_a_newer_release_is_named_in_the_error() {
    let expected =
        DecodeError::Unknown { name: "image-stored".to_owned(), version: 99, must_understand: false };
    assert_eq!(of_a_newer_release("image-stored", None), expected);
}

#[test]
fn only_what_a_reader_takes_nothing_from_is_passed_by_and_never_what_it_must_understand() {
    let unread = ["report-delivered"];
    let passes = |name, flag| of_a_newer_release(name, flag).can_be_passed_by(&unread);
    assert!(passes("report-reviewed", None) && passes("report-reviewed", Some(false)));
    assert!(passes("report-delivered", None));
    assert!(!passes("image-stored", None), "it is read, in another version");
    assert!(!passes("report-reviewed", Some(true)) && !passes("report-delivered", Some(true)));
    assert!(!Envelope::decode(b"hello").unwrap_err().can_be_passed_by(&unread));
}

#[test]
fn bytes_that_are_no_event_are_an_error_and_never_a_panic() {
    for bytes in [&b""[..], b"hello", &[0xff; 64], &[0x9f; 10_000]] {
        assert!(Envelope::decode(bytes).is_err());
    }
}

#[test]
fn subjects_are_distinct_and_carry_no_foreign_characters() {
    let subjects: std::collections::BTreeSet<_> =
        samples::one_of_each().iter().map(Envelope::subject).collect();
    assert_eq!(subjects.len(), samples::one_of_each().len());
    for subject in subjects {
        assert!(subject.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)), "{subject}");
    }
}

#[test]
fn a_report_tells_its_doubts_since_releases_have_them_and_writes_no_others() {
    let mut envelope = samples::report_issued(1, &[1, 2], 7);
    let plain = envelope.encode();
    let Event::ReportIssued(issued) = &mut envelope.event else { panic!() };
    let text = "The headers of the images differ.".to_owned();
    issued.doubts = vec![hilum_events::Notice { code: "headers_differ".to_owned(), text }];
    let name = "report-issued.v3-with-doubts.cbor";
    if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !folder().join(name).exists() {
        std::fs::write(folder().join(name), envelope.encode()).unwrap();
    }
    assert_eq!(std::fs::read(folder().join(name)).unwrap(), envelope.encode());
    assert_eq!(std::fs::read(folder().join("report-issued.v3.cbor")).unwrap(), plain);
}
