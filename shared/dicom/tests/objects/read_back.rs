//! Read back element by element.

use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag, from_reader};
use hilum_dicom::{DicomError, IMAGES_MAX, Instance, Sources, choice, secondary_captures, sr};
use hilum_events::Sha256Digest;
use hilum_imaging::{HeaderText, StudyHeader};
use hilum_reports::{Choice, Doubt, HeaderField, Pictures};

use crate::story::{PDF, Story, header};

fn read(instance: &Instance) -> DefaultDicomObject {
    from_reader(instance.file.as_slice()).unwrap()
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches([' ', '\0']).to_owned()
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).unwrap().items().unwrap()
}

/// All content items below one, itself first.
fn tree(object: &InMemDicomObject) -> Vec<&InMemDicomObject> {
    let children =
        object.get(tags::CONTENT_SEQUENCE).and_then(|sequence| sequence.items()).unwrap_or_default();
    std::iter::once(object).chain(children.iter().flat_map(tree)).collect()
}

/// Scheme and value of a code.
fn code(object: &InMemDicomObject, tag: Tag) -> Option<(String, String)> {
    let item = object.get(tag)?.items()?.first()?;
    let value = if item.get(tags::CODE_VALUE).is_some() { tags::CODE_VALUE } else { tags::LONG_CODE_VALUE };
    Some((text(item, tags::CODING_SCHEME_DESIGNATOR), text(item, value)))
}

/// The texts under a concept name, in order.
fn texts(object: &InMemDicomObject, value: &str) -> Vec<String> {
    let is_named = |item: &&InMemDicomObject| {
        code(item, tags::CONCEPT_NAME_CODE_SEQUENCE).is_some_and(|(_, found)| found == value)
    };
    tree(object).into_iter().filter(is_named).map(|item| text(item, tags::TEXT_VALUE)).collect()
}

#[test]
fn every_object_belongs_to_the_patient_and_study_of_the_images() {
    for (name, instance) in Story::new().files() {
        let object = read(&instance);
        let expected = [
            (tags::PATIENT_NAME, "CANARY^DONOTLEAK"),
            (tags::PATIENT_ID, "CANARY-4711"),
            (tags::ISSUER_OF_PATIENT_ID, "CANARY-HOSPITAL"),
            (tags::PATIENT_BIRTH_DATE, "19500101"),
            (tags::PATIENT_SEX, "F"),
            (tags::STUDY_INSTANCE_UID, "2.25.1"),
            (tags::STUDY_DATE, "20251231"),
            (tags::STUDY_TIME, "235900"),
            (tags::ACCESSION_NUMBER, "CANARY-A1"),
            (tags::STUDY_ID, "CANARY-S"),
            (tags::REFERRING_PHYSICIAN_NAME, "CANARY^DOCTOR"),
            (tags::STUDY_DESCRIPTION, "CANARY chest"),
            (tags::SOP_INSTANCE_UID, &instance.sop_instance_uid),
            (tags::SERIES_INSTANCE_UID, &instance.series_instance_uid),
            (tags::SOP_CLASS_UID, instance.sop_class_uid),
        ];
        for (tag, value) in expected {
            assert_eq!(text(&object, tag), value, "{tag} of {name}");
        }
        assert_eq!(object.meta().media_storage_sop_instance_uid(), instance.sop_instance_uid);
        let device = items(&object, tags::CONTRIBUTING_EQUIPMENT_SEQUENCE);
        assert_eq!(text(&device[0], tags::MANUFACTURER_MODEL_NAME), "densenet121-demo");
        assert!(text(&device[0], tags::DEVICE_UID).starts_with("2.25."));
        assert!(text(&device[0], tags::CONTRIBUTION_DESCRIPTION).contains("was not trained"));
    }
}

/// What an object says of when it was made, `None` where it has no such element: offset, content, series and creation.
fn times(object: &InMemDicomObject) -> [Option<String>; 7] {
    [
        tags::TIMEZONE_OFFSET_FROM_UTC,
        tags::CONTENT_DATE,
        tags::CONTENT_TIME,
        tags::SERIES_DATE,
        tags::SERIES_TIME,
        tags::INSTANCE_CREATION_DATE,
        tags::INSTANCE_CREATION_TIME,
    ]
    .map(|tag| object.get(tag).map(|_| text(object, tag)))
}

/// The first reading was requested at 00:00:01 UTC, the report is of 00:00:07.
fn told(offset: Option<&str>, date: &str, content: &str, made: &str) -> [Option<String>; 7] {
    [offset, Some(date), Some(content), Some(date), Some(made), Some(date), Some(made)]
        .map(|value| value.map(str::to_owned))
}

#[test]
fn copied_times_of_an_unknown_zone_have_no_offset_and_none_of_ours_beside_them() {
    for (name, instance) in Story::new().files() {
        let object = read(&instance);
        assert_eq!(text(&object, tags::STUDY_TIME), "235900");
        // A structured report must say when, a secondary capture and a PDF need not.
        let content = if name == "sr.dcm" { ["20260101", "000001.000000"] } else { ["", ""] };
        let [date, time] = content.map(|value| Some(value.to_owned()));
        assert_eq!(times(&object), [None, date, time, None, None, None, None], "{name}");
        if name == "sr.dcm" {
            assert_eq!(text(&object, tags::OBSERVATION_DATE_TIME), "20260101000007+0000");
        }
    }
}

#[test]
fn in_the_zone_of_a_site_all_times_have_the_offset_of_the_study_s_day() {
    let made = |zone: &str, study_date: &str| {
        let mut story = Story::new();
        story.report.set_time_zone(&zone.parse().unwrap());
        let header = StudyHeader { study_date: study_date.to_owned(), ..header(0) };
        story.sources = [(Sha256Digest::of(b"a"), header)].into_iter().collect();
        story.files()
    };
    let cases = [
        (
            made("Asia/Seoul", "20251231"),
            told(Some("+0900"), "20260101", "090001.000000", "090007.000000"),
            "20260101090007",
        ),
        // In summer an hour more: one offset for the whole object, and with it every time is right.
        (
            made("Europe/Berlin", "20250701"),
            told(Some("+0200"), "20260101", "020001.000000", "020007.000000"),
            "20260101020007",
        ),
        // The clocks of the site, and a study that they can't have shown: it is of tomorrow there.
        (
            made("America/New_York", "20251231"),
            told(None, "20251231", "190001.000000", "190007.000000"),
            "20251231190007-0500",
        ),
    ];
    for (files, expected, moment) in &cases {
        for (name, instance) in files {
            let object = read(instance);
            assert_eq!(times(&object), *expected, "{name}");
            if name == "sr.dcm" {
                assert_eq!(text(&object, tags::OBSERVATION_DATE_TIME), *moment);
            }
        }
    }
    // Other rules of a zone would write other bytes, and these are another object.
    let winter = made("Europe/Berlin", "20251230");
    assert!(
        winter.iter().zip(&cases[1].0).all(|(one, other)| one.1.sop_instance_uid != other.1.sop_instance_uid)
    );
}

#[test]
fn where_nothing_is_copied_all_times_are_ours_and_their_offset_is_stated() {
    let mut story = Story::png();
    for (name, instance) in story.files() {
        let expected = told(Some("+0000"), "20260101", "000001.000000", "000007.000000");
        assert_eq!(times(&read(&instance)), expected, "{name}");
    }
    story.report.set_time_zone(&"Asia/Seoul".parse().unwrap());
    for (name, instance) in story.files() {
        let expected = told(Some("+0900"), "20260101", "090001.000000", "090007.000000");
        assert_eq!(times(&read(&instance)), expected, "{name}");
    }
}

#[test]
fn the_same_report_makes_the_same_bytes_and_another_one_other_objects() {
    let (one, again) = (Story::new(), Story::new());
    assert_eq!(one.files(), again.files());
    let mut uids: Vec<_> = one.files().into_iter().map(|(_, it)| it.sop_instance_uid).collect();
    let mut revised = Story::new();
    revised.report.revision = 2;
    uids.extend(revised.files().into_iter().map(|(_, it)| it.sop_instance_uid));
    let count = uids.len();
    uids.sort();
    uids.dedup();
    assert_eq!((count, uids.len()), (6, 6));
}

#[test]
fn what_lacks_a_picture_or_a_header_is_another_object() {
    let whole = Story::new();
    let mut without = Story::new();
    without.pictures = Pictures::new();
    assert_ne!(whole.captures()[0].sop_instance_uid, without.captures()[0].sop_instance_uid);
    let mut fewer = Story::new();
    fewer.sources = [(Sha256Digest::of(b"a"), header(0))].into_iter().collect();
    assert_ne!(whole.sr().sop_instance_uid, fewer.sr().sop_instance_uid);
}

#[test]
fn the_structured_report_says_what_the_document_says() {
    let object = read(&Story::radiograph().sr());
    assert_eq!(object.meta().media_storage_sop_class_uid(), uids::COMPREHENSIVE3_DSR_STORAGE);
    let flags = [
        (tags::MODALITY, "SR"),
        (tags::COMPLETION_FLAG, "PARTIAL"),
        (tags::VERIFICATION_FLAG, "UNVERIFIED"),
        (tags::PRELIMINARY_FLAG, "PRELIMINARY"),
    ];
    assert!(flags.into_iter().all(|(tag, value)| text(&object, tag) == value));

    let evidence = &items(&object, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE)[0];
    let series = &items(evidence, tags::REFERENCED_SERIES_SEQUENCE)[0];
    let instances = items(series, tags::REFERENCED_SOP_SEQUENCE);
    let instances: Vec<_> = instances.iter().map(|it| text(it, tags::REFERENCED_SOP_INSTANCE_UID)).collect();
    assert_eq!(instances, ["2.25.30", "2.25.31", "2.25.32"]);

    let findings: Vec<_> = tree(&object)
        .into_iter()
        .filter(|item| code(item, tags::CONCEPT_NAME_CODE_SEQUENCE) == Some(("DCM".into(), "121071".into())))
        .map(|item| code(item, tags::CONCEPT_CODE_SEQUENCE).unwrap())
        .collect();
    assert_eq!(findings.len(), 18, "each label once: image 2 has the content of image 1");
    assert_eq!(findings[3], ("SCT".to_owned(), "36118008".to_owned()));
    assert_eq!(findings[9], ("99HILUM".to_owned(), "Pleural_Thickening".to_owned()));
    assert_eq!(findings[17], ("99HILUM".to_owned(), "Enlarged Cardiomediastinum".to_owned()));

    assert_eq!(texts(&object, "disclaimer"), ["For research use only. Not a diagnosis."]);
    assert_eq!(texts(&object, "untrained").len(), 1 + 18);
    let failed = texts(&object, "not-read");
    assert!(failed[0].starts_with("Image 3: the file ends before its picture does") && failed.len() == 2);
    assert!(failed[1].contains("[dead_lettered]. The step infer-routine tried it 5 times"));
    assert_eq!(texts(&object, "notice"), ["Image 1 (and 2): the view is not PA or AP"]);
    assert_eq!(texts(&object, "112039")[0], "Image 1 = image 2, Atelectasis");
}

/// Study, series and instance of the structured report that this one takes the place of.
fn predecessor(object: &InMemDicomObject) -> Option<[String; 4]> {
    let [study] = object.get(tags::PREDECESSOR_DOCUMENTS_SEQUENCE)?.items()? else { panic!("not one") };
    let [series] = items(study, tags::REFERENCED_SERIES_SEQUENCE) else { panic!("not one") };
    let [instance] = items(series, tags::REFERENCED_SOP_SEQUENCE) else { panic!("not one") };
    Some([
        text(study, tags::STUDY_INSTANCE_UID),
        text(series, tags::SERIES_INSTANCE_UID),
        text(instance, tags::REFERENCED_SOP_CLASS_UID),
        text(instance, tags::REFERENCED_SOP_INSTANCE_UID),
    ])
}

#[test]
fn a_revised_structured_report_names_the_one_before_and_its_study() {
    let first = Story::new().sr();
    assert_eq!(predecessor(&read(&first)), None);
    let says = texts(&read(&first), "report");
    let summary =
        "Study S-1, revision 1: 4 images, 2 read, 2 without a reading, 1 with the content of another.";
    assert_eq!(says, [summary]);

    let second = Story { report: hilum_reports::samples::revised(), ..Story::new() }.after(Story::new());
    let object = read(&second.sr());
    let Instance { study_instance_uid, series_instance_uid, sop_class_uid, sop_instance_uid, .. } = first;
    let named = [study_instance_uid, series_instance_uid, sop_class_uid.to_owned(), sop_instance_uid];
    assert_eq!(predecessor(&object), Some(named));
    assert_eq!(
        texts(&object, "report"),
        [
            "Study S-1, revision 2: 5 images, 3 read, 2 without a reading, 2 with the content of another. It takes the place \
          of revision 1."
        ]
    );
    let (once, again) = (second.sr(), second.sr());
    assert_eq!(once, again);

    // Without the one before it is another object, and the third names the second as it is with it.
    let alone = sr(&second.report, &second.hash(), &second.sources, None).unwrap();
    assert_eq!(predecessor(&read(&alone)), None);
    assert_ne!(alone.sop_instance_uid, once.sop_instance_uid);
    let third = Story::new().after(second);
    assert_eq!(predecessor(&read(&third.sr())).unwrap()[3], once.sop_instance_uid);
}

#[test]
fn a_revision_of_which_no_structured_report_was_made_is_not_named() {
    let mut first = Story::new();
    first.report.doubts = vec![Doubt::headers_differ(vec![HeaderField::PatientName])];
    let second = Story::new().after(first);
    assert_eq!(predecessor(&read(&second.sr())), None);
    assert_eq!(
        texts(&read(&second.sr()), "report")[0].matches("It takes the place of revision 1.").count(),
        1
    );
}

#[test]
fn series_tell_kinds_and_revisions_apart_and_say_what_is_incomplete() {
    let described = |story: &Story| -> Vec<[String; 2]> {
        let objects = story.files().into_iter().map(|(_, file)| read(&file));
        objects.map(|it| [text(&it, tags::SERIES_DESCRIPTION), text(&it, tags::SERIES_NUMBER)]).collect()
    };
    let said = |number: u32, what: &str| [what.to_owned(), number.to_string()];
    assert_eq!(
        described(&Story::new()),
        [
            said(9001, "AI result, not a diagnosis, INCOMPLETE, revision 1"),
            said(9003, "AI result PDF, not a diagnosis, INCOMPLETE, revision 1"),
            said(9002, "AI pictures, not a diagnosis, INCOMPLETE, revision 1"),
        ]
    );
    let whole = Story::whole().after(Story::new());
    assert_eq!(
        described(&whole)[..3],
        [
            said(9011, "AI result, not a diagnosis, revision 2"),
            said(9013, "AI result PDF, not a diagnosis, revision 2"),
            said(9012, "AI pictures, not a diagnosis, revision 2"),
        ]
    );
    assert!(
        text(&read(&Story::new().pdf()), tags::DOCUMENT_TITLE)
            .starts_with("AI result, INCOMPLETE, revision 1.")
    );
    let mut last = Story::new();
    last.report.revision = u32::MAX;
    for [description, number] in described(&last) {
        assert!(description.ends_with(", revision 4294967295"), "not cut off: {description}");
        assert_eq!(number, i32::MAX.to_string());
    }
}

#[test]
fn numbers_are_those_of_the_document_and_say_how_they_stand_to_the_operating_point() {
    let mut story = Story::radiograph();
    story.report.images[0].reading.as_mut().unwrap().trained = true;
    let object = read(&story.sr());
    let findings = &story.report.images[0].reading.as_ref().unwrap().findings;
    let named = |value: &str| -> Vec<&InMemDicomObject> {
        let is_named = |item: &&InMemDicomObject| {
            code(item, tags::CONCEPT_NAME_CODE_SEQUENCE) == Some(("99HILUM".into(), value.into()))
        };
        tree(&object).into_iter().filter(is_named).collect()
    };
    let value = |item: &InMemDicomObject| {
        let value = &items(item, tags::MEASURED_VALUE_SEQUENCE)[0];
        assert_eq!(code(value, tags::MEASUREMENT_UNITS_CODE_SEQUENCE), Some(("UCUM".into(), "1".into())));
        let written: f64 = text(value, tags::NUMERIC_VALUE).parse().unwrap();
        let exact = value.element(tags::FLOATING_POINT_VALUE).unwrap().to_float64().unwrap();
        assert!((written - exact).abs() < 1e-8);
        exact as f32
    };
    let probabilities: Vec<_> = named("probability").into_iter().map(value).collect();
    assert_eq!(probabilities, findings.iter().map(|finding| finding.probability).collect::<Vec<_>>());
    let scores: Vec<_> = named("score").into_iter().map(value).collect();
    assert_eq!(scores, findings.iter().filter_map(|it| it.operating_point_score).collect::<Vec<_>>());
    let above = named("operating-point").into_iter().filter(|item| {
        code(item, tags::CONCEPT_CODE_SEQUENCE).is_some_and(|(_, value)| value == "at-or-above")
    });
    assert_eq!(above.count(), scores.iter().filter(|score| **score >= 0.5).count());
}

#[test]
fn what_is_missing_flagged_or_of_an_earlier_study_is_told() {
    let object = read(&Story::full().sr());
    assert_eq!(text(&object, tags::COMPLETION_FLAG), "PARTIAL");
    let missing = texts(&object, "missing");
    assert_eq!(
        missing[..2],
        [
            "Incomplete: 6 images were expected and 5 arrived.",
            "Incomplete: the series lateral did not arrive.",
        ]
    );
    assert!(texts(&object, "flag")[0].starts_with("Flagged by the rule effusion-first: Effusion"));
    assert!(
        texts(&object, "earlier")[0]
            .starts_with("Effusion in study S-0, revision 1: network output 0.111, now")
    );
    assert!(
        texts(&object, "not-read").iter().any(|words| words.starts_with("Image 5: it has no outcome yet"))
    );
    assert_eq!(texts(&object, "untrained"), [""; 0]);
}

#[test]
fn a_label_outside_ascii_makes_the_file_utf8_when_the_patient_reads_the_same_in_it() {
    let mut story = Story::full();
    let object = read(&story.sr());
    assert_eq!(text(&object, tags::SPECIFIC_CHARACTER_SET), "ISO_IR 192");
    assert!(texts(&object, "112039").contains(&"Image 1 = image 2, 결절".to_owned()));
    let latin = StudyHeader { patient_name: HeaderText::new(b"M\xfcller"), ..header(0) };
    story.sources = [(Sha256Digest::of(b"a"), latin)].into_iter().collect();
    let object = read(&story.sr());
    assert_eq!(text(&object, tags::SPECIFIC_CHARACTER_SET), "ISO_IR 100");
    assert_eq!(text(&object, tags::PATIENT_NAME), "Müller");
    assert!(texts(&object, "112039").contains(&"Image 1 = image 2, ??".to_owned()));
}

#[test]
fn a_korean_patient_keeps_name_and_character_set_and_our_words_are_ascii() {
    let name = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7";
    let korean = StudyHeader {
        specific_character_set: "\\ISO 2022 IR 149".to_owned(),
        patient_name: HeaderText::new(name),
        timezone_offset_from_utc: "+0900".to_owned(),
        ..header(0)
    };
    let mut story = Story::new();
    story.sources = [(Sha256Digest::of(b"a"), korean)].into_iter().collect();
    story.report.images[2].reason = Some("7 × 7\\x".to_owned());
    let instance = story.sr();
    assert!(instance.file.windows(name.len()).any(|window| window == name));
    let object = read(&instance);
    let sets = object.element(tags::SPECIFIC_CHARACTER_SET).unwrap().to_multi_str().unwrap().to_vec();
    assert_eq!(sets, ["", "ISO 2022 IR 149"]);
    assert!(texts(&object, "not-read")[0].starts_with("Image 3: 7 ? 7/x"));
    // 00:00:01 UTC on the site's clock.
    assert_eq!(text(&object, tags::CONTENT_TIME), "090001.000000");
    assert_eq!(text(&object, tags::TIMEZONE_OFFSET_FROM_UTC), "+0900");
}

#[test]
fn a_study_without_dicom_has_a_study_uid_and_a_patient_of_its_own() {
    let story = Story::png();
    for (name, instance) in story.files() {
        let object = read(&instance);
        let study = format!("2.25.{}", story.report.study_id.as_uuid().as_u128());
        assert_eq!(text(&object, tags::STUDY_INSTANCE_UID), study, "{name}");
        let patient = format!("HILUM-{}", story.report.study_id);
        assert_eq!(text(&object, tags::PATIENT_ID), patient, "{name}");
        assert_eq!(text(&object, tags::ISSUER_OF_PATIENT_ID), "HILUM", "{name}");
        for tag in [tags::PATIENT_NAME, tags::STUDY_DATE, tags::ACCESSION_NUMBER] {
            assert_eq!(text(&object, tag), "", "{tag} of {name}");
        }
        assert!(object.get(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE).is_none());
    }
}

#[test]
fn images_of_two_patients_make_no_object_and_the_error_names_neither() {
    let mut story = Story::new();
    let other = StudyHeader { patient_id: HeaderText::new(b"CANARY-OTHER"), ..header(1) };
    story.sources =
        [(Sha256Digest::of(b"a"), header(0)), (Sha256Digest::of(b"b"), other)].into_iter().collect();
    let error = sr(&story.report, &story.hash(), &story.sources, None).unwrap_err();
    assert!(matches!(error, DicomError::SeveralPatients));
    assert!(!format!("{error} {error:?} {:?}", story.sources).contains("CANARY"));
    let error = sr(&story.report, &story.hash(), &Sources::default(), None).unwrap_err();
    assert!(matches!(error, DicomError::NoHeader), "{error}");
}

#[test]
fn nothing_of_a_patient_shows_in_debug() {
    let story = Story::new();
    let shown = format!("{:?} {:?}", story.files(), story.sources);
    assert!(!shown.contains("CANARY") && shown.contains("sop_class_uid"));
}

#[test]
fn a_capture_is_a_picture_of_its_source() {
    let story = Story::new();
    let [capture] = story.captures().try_into().unwrap();
    let object = read(&capture);
    assert_eq!(text(&object, tags::BURNED_IN_ANNOTATION), "YES");
    assert_eq!(
        object.element(tags::IMAGE_TYPE).unwrap().to_multi_str().unwrap().to_vec(),
        ["DERIVED", "SECONDARY"]
    );
    assert!(text(&object, tags::DERIVATION_DESCRIPTION).contains("was not trained"));
    let source = &items(&object, tags::SOURCE_IMAGE_SEQUENCE)[0];
    assert_eq!(text(source, tags::REFERENCED_SOP_INSTANCE_UID), "2.25.30");
    let pixels = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    let sides =
        [tags::ROWS, tags::COLUMNS].map(|tag| object.element(tag).unwrap().to_int::<usize>().unwrap());
    assert_eq!((sides[1], pixels.len()), (1552, sides[0] * 1552 * 3));
    assert!(text(&object, tags::DERIVATION_DESCRIPTION).contains("with nothing drawn over it"));
    let Choice::Shown { previews, max_side_px: 512 } = choice(&story.report) else { panic!("no picture") };
    assert_eq!(previews.len(), 1);
}

#[test]
fn a_picture_that_is_missing_or_none_is_told_and_no_image_is_without_a_capture() {
    let mut story = Story::new();
    let key = *story.pictures.keys().next().unwrap();
    let shown = story.captures();
    story.pictures.insert(key, hilum_reports::Picture::Shown { png: b"no picture".to_vec() });
    let broken = story.captures();
    assert_eq!((shown.len(), broken.len()), (1, 1));
    assert_ne!(shown[0].file, broken[0].file);
}

#[test]
fn the_pdf_comes_out_as_it_went_in() {
    let object = read(&Story::new().pdf());
    let bytes = object.element(tags::ENCAPSULATED_DOCUMENT).unwrap().to_bytes().unwrap();
    let length = object.element(tags::ENCAPSULATED_DOCUMENT_LENGTH).unwrap().to_int::<usize>().unwrap();
    assert_eq!(&bytes[..length], PDF);
    assert_eq!(bytes.len() % 2, 0);
    assert_eq!(text(&object, tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT), "application/pdf");
    assert_eq!(text(&object, tags::MODALITY), "DOC");
    assert_eq!(items(&object, tags::SOURCE_INSTANCE_SEQUENCE).len(), 3);
}

#[test]
fn of_a_huge_study_the_rest_is_told_by_number() {
    let mut story = Story::png();
    let image = story.report.images[0].clone();
    story.report.images = (0..IMAGES_MAX + 3)
        .map(|number| {
            let sha256 = Sha256Digest::of(&number.to_be_bytes());
            hilum_reports::ImageEntry { sha256, ..image.clone() }
        })
        .collect();
    let object = read(&story.sr());
    assert!(texts(&object, "not-told")[0].starts_with("3 further images are only in the report document"));
    let hash = story.hash();
    let captures = secondary_captures(&story.report, &story.pictures, &hash, &story.sources).unwrap();
    assert_eq!(captures.take(2).count(), 2);
}
