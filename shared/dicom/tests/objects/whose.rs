//! Whose an object is: no form of a report names a patient that one of its images contradicts, whatever the headers say and
//! in whatever order the images come.

use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, Tag, from_reader};
use hilum_dicom::{Instance, Sources, encapsulated_pdf, secondary_captures, sr};
use hilum_events::{Sha256Digest, samples::job_id};
use hilum_imaging::{HeaderText, Patient, PatientField, StudyHeader, contradictions};
use hilum_reports::{Doubt, HeaderField, Language, Pictures, Report, fhir, hl7, html};
use proptest::prelude::*;

use crate::story::{PDF, Story, header};

/// Writings of names, and whose each is: those of one person are one. Korean stands in its own character set and in UTF-8.
const NAMES: [(&str, &[u8], u8); 8] = [
    ("", b"", 0),
    ("", b"CANARY^JANE", 1),
    ("", b"Canary^Jane^^Dr", 1),
    ("ISO_IR 192", "Canary^Jane=金^永姬".as_bytes(), 1),
    ("", b"CANARY^JOHN", 2),
    ("ISO_IR 192", "Canary^John=金^永洙".as_bytes(), 2),
    ("ISO_IR 192", "CanaryHong^Gildong=洪^吉洞".as_bytes(), 3),
    ("\\ISO 2022 IR 149", b"CanaryHong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", 3),
];
const IDS: [&str; 3] = ["", "CANARY-1", "CANARY-2"];
const BIRTHS: [&str; 3] = ["", "19500101", "19600202"];
const SEXES: [&str; 3] = ["", "F", "M"];

/// What a header says, as places in the lists above.
type Said = [usize; 4];

fn said() -> impl Strategy<Value = Said> {
    // Mostly the same, or all headers would contradict each other.
    let mostly = |usual: usize, of: usize| prop_oneof![6 => Just(usual), 1 => 0..of];
    (mostly(1, IDS.len()), mostly(1, NAMES.len()), mostly(1, BIRTHS.len()), mostly(1, SEXES.len()))
        .prop_map(|(id, name, born, sex)| [id, name, born, sex])
}

fn header_of(number: u32, [id, name, born, sex]: Said) -> StudyHeader {
    let (set, name, _) = NAMES[name];
    StudyHeader {
        specific_character_set: set.to_owned(),
        patient_id: HeaderText::new(IDS[id].as_bytes()),
        issuer_of_patient_id: HeaderText::default(),
        patient_name: HeaderText::new(name),
        patient_birth_date: BIRTHS[born].to_owned(),
        patient_sex: SEXES[sex].to_owned(),
        ..header(number)
    }
}

/// Whether somebody who reads both would say that they are of two people: of a value that both have another.
fn contradict(one: Said, other: Said) -> bool {
    let person = |said: Said| usize::from(NAMES[said[1]].2);
    let differ = |one: usize, other: usize| one != 0 && other != 0 && one != other;
    differ(one[0], other[0])
        || differ(person(one), person(other))
        || differ(one[2], other[2])
        || differ(one[3], other[3])
}

/// The story with an image for each header.
fn story(all: &[Said]) -> Story {
    let mut story = Story::new();
    let read = story.report.images[0].clone();
    let content = |number: u32| Sha256Digest::of(&number.to_be_bytes());
    let numbered = || (0..).zip(all.iter().copied());
    story.report.images = numbered()
        .map(|(number, _)| {
            let mut image = read.clone();
            (image.job_id, image.sha256) = (job_id(u128::from(number) + 1), content(number));
            image
        })
        .collect();
    story.sources = numbered().map(|(number, said)| (content(number), header_of(number, said))).collect();
    story
}

fn objects(report: &Report, sources: &Sources, pictures: &Pictures) -> Vec<Instance> {
    let hash = Sha256Digest::of(&report.to_json().unwrap());
    let mut made: Vec<Instance> =
        [sr(report, &hash, sources, None), encapsulated_pdf(report, &hash, sources, PDF)]
            .into_iter()
            .filter_map(Result::ok)
            .collect();
    if let Ok(captures) = secondary_captures(report, pictures, &hash, sources) {
        made.extend(captures.map(Result::unwrap));
    }
    made
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end().to_owned()
}

/// The bytes of Patient's Name as they stand in the file: what reads it would decode them.
fn name_in(file: &[u8]) -> &[u8] {
    let header = b"\x10\0\x10\0PN";
    let at = file.windows(header.len()).position(|window| window == header).unwrap() + header.len();
    let length = usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    &file[at + 2..][..length]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_form_names_a_patient_that_an_image_contradicts(all in prop::collection::vec(said(), 1..4)) {
        let mut story = story(&all);
        // One picture is enough: what it shows is not looked at.
        story.report.images.iter_mut().skip(1).for_each(|image| image.reading = None);
        let objects = objects(&story.report, &story.sources, &story.pictures);
        let is_one = all.iter().all(|one| all.iter().all(|other| !contradict(*one, *other)));
        prop_assert_eq!(objects.len(), if is_one { 3 } else { 0 }, "all of them or none");
        for object in &objects {
            let read = from_reader(object.file.as_slice()).unwrap();
            let (id, born, sex) =
                (text(&read, tags::PATIENT_ID), text(&read, tags::PATIENT_BIRTH_DATE), text(&read, tags::PATIENT_SEX));
            let raw = name_in(&object.file);
            prop_assert!(!id.is_empty(), "never the patient '' of many studies");
            for [its_id, name, its_birth, its_sex] in &all {
                let is_own = id.starts_with("HILUM-");
                prop_assert!(*its_id == 0 || id == IDS[*its_id]);
                prop_assert!(!is_own || all.iter().all(|said| said[0] == 0));
                prop_assert!(born.is_empty() || *its_birth == 0 || born == BIRTHS[*its_birth]);
                prop_assert!(sex.is_empty() || *its_sex == 0 || sex == SEXES[*its_sex]);
                let named = NAMES.iter().find(|(_, bytes, _)| *bytes == HeaderText::new(raw).as_bytes());
                let named = named.expect("the name is one of the headers'").2;
                prop_assert!(named == 0 || NAMES[*name].2 == 0 || named == NAMES[*name].2);
            }
        }
        // Forms of the document alone know no patient at all.
        let hash = story.hash();
        for language in Language::ALL {
            let page = html::render(&story.report, &story.pictures, &hash, language);
            prop_assert!(!page.to_ascii_uppercase().contains("CANARY"));
        }
        for form in [fhir::bundle(&story.report), hl7::oru_r01(&story.report).into_bytes(), story.report.to_json().unwrap()] {
            prop_assert!(!String::from_utf8_lossy(&form).to_ascii_uppercase().contains("CANARY"));
        }
    }
}

#[test]
fn a_report_that_says_that_its_headers_differ_names_nobody_though_a_file_is_gone_since() {
    let mut story = story(&[[1, 1, 1, 1], [1, 1, 1, 1]]);
    assert!(!objects(&story.report, &story.sources, &story.pictures).is_empty());
    story.report.doubts = vec![Doubt::headers_differ(vec![HeaderField::PatientName])];
    assert!(objects(&story.report, &story.sources, &story.pictures).is_empty());
}

#[test]
fn one_instance_with_two_contents_is_referred_to_by_nothing() {
    let said = [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]];
    let mut story = story(&said);
    // As a file writes one of odd length: others may begin with it.
    let uid = |number| format!("{}\0", header_of(number, said[0]).sop_instance_uid);
    let refers = |story: &Story, uid: &str| {
        let objects = objects(&story.report, &story.sources, &story.pictures);
        objects
            .iter()
            .filter(|object| object.file.windows(uid.len()).any(|part| part == uid.as_bytes()))
            .count()
    };
    assert_eq!(refers(&story, &uid(1)), 3, "structured report, its picture, sheets");
    // Images 1 and 2 have one instance UID.
    let content = |number: u32| Sha256Digest::of(&number.to_be_bytes());
    let same =
        StudyHeader { sop_instance_uid: header_of(0, said[0]).sop_instance_uid, ..header_of(1, said[1]) };
    story.sources =
        [(content(0), header_of(0, said[0])), (content(1), same), (content(2), header_of(2, said[2]))]
            .into_iter()
            .collect();
    let one_object = |header: StudyHeader| StudyHeader {
        data_set_sha256: Some(Sha256Digest::of(b"one object")),
        ..header
    };
    let two_contents = story.sources;
    let in_two_files = [0, 1, 2].map(|number| {
        let header = two_contents.of(&content(number)).unwrap().clone();
        (content(number), if number == 2 { header } else { one_object(header) })
    });
    story.sources = in_two_files.into_iter().collect();
    assert_eq!(refers(&story, &uid(0)), 4, "one object in two files is one instance, and has two pictures");
    story.sources = two_contents;
    story.report.doubts = vec![Doubt::instance_twice(&[(1, job_id(1)), (2, job_id(2))])];
    assert_eq!(refers(&story, &uid(0)), 0);
    assert_eq!(refers(&story, &uid(2)), 3, "the others are");
    let told = objects(&story.report, &story.sources, &story.pictures);
    let sentence = b"Images 1 and 2 share a SOP Instance UID";
    assert!(
        told[0].file.windows(sentence.len()).any(|part| part == sentence),
        "the structured report names them"
    );
}

#[test]
fn what_hashes_of_headers_say_is_what_the_objects_are_made_by() {
    let of = |said| Patient::of(&header_of(0, said), b"of a service");
    assert_eq!(
        contradictions(&[of([1, 1, 1, 1]), of([1, 4, 1, 2])]).into_iter().collect::<Vec<_>>(),
        [PatientField::Name, PatientField::Sex]
    );
}
