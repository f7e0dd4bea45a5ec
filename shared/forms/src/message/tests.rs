//! Which patient a message names, from headers as devices write them.

use hilum_events::Sha256Digest;
use hilum_imaging::{HeaderText, StudyHeader};
use hilum_reports::{Doubt, HeaderField, hl7, samples};
use proptest::prelude::*;

use super::*;

/// What a header says: character set, name, id, birth date, sex.
type PatientFields = (&'static str, &'static [u8], &'static str, &'static str, &'static str);

fn header((set, name, id, born, sex): PatientFields) -> StudyHeader {
    StudyHeader {
        specific_character_set: set.to_owned(),
        patient_name: HeaderText::new(name),
        patient_id: HeaderText::new(id.as_bytes()),
        patient_birth_date: born.to_owned(),
        patient_sex: sex.to_owned(),
        accession_number: HeaderText::new(b"ACC-77"),
        ..StudyHeader::default()
    }
}

/// A report of so many images, each with its header.
fn story(headers: &[StudyHeader]) -> (Report, Sources) {
    let mut report = samples::one_of_each();
    let read = report.images[0].clone();
    let content = |number: u32| Sha256Digest::of(&number.to_be_bytes());
    report.images.clear();
    for (number, _) in (0..).zip(headers) {
        let mut image = read.clone();
        (image.job_id, image.sha256) =
            (hilum_events::samples::job_id(u128::from(number) + 1), content(number));
        report.images.push(image);
    }
    (report, (0..).zip(headers.iter().cloned()).map(|(number, header)| (content(number), header)).collect())
}

fn message() -> Message {
    Message { names_patient: true, assigning_authority: "KLINIK".to_owned(), ..Message::default() }
}

fn patient(headers: &[StudyHeader]) -> Result<Patient, FormError> {
    let (report, sources) = story(headers);
    message().patient(&report, &sources)
}

/// The fields of a segment of the message, from 0, the segment's name.
fn fields(headers: &[StudyHeader], segment: &str) -> Vec<String> {
    let (report, sources) = story(headers);
    let patient = message().patient(&report, &sources).unwrap();
    let written = hl7::oru_r01_to(&report, &Heading::default(), Some(&patient));
    let line = written.split('\r').find(|line| line.starts_with(segment)).unwrap();
    line.split('|').map(str::to_owned).collect()
}

#[test]
fn names_of_several_character_sets_are_written_in_unicode() {
    for (set, name, told) in [
        ("ISO_IR 100", &b"M\xfcller^J\xf6rg^^Dr"[..], "Müller^Jörg^^^Dr"),
        ("ISO_IR 192", "홍^길동".as_bytes(), "홍^길동"),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong^^^^^^A~洪^吉洞^^^^^^I~홍^길동^^^^^^P",
        ),
        ("", b"O|Brien^A&B~C", "O\\F\\Brien^A\\T\\B\\R\\C"),
        ("", b"", "^^^^^^U"),
    ] {
        let pid = fields(&[header((set, name, "P-1", "19500101", "F"))], "PID");
        assert_eq!(pid[1..], ["1", "", "P-1^^^KLINIK", "", told, "", "19500101", "F"], "{set}");
        assert_eq!(fields(&[header((set, name, "P-1", "", ""))], "OBR")[18], "ACC-77");
    }
}

#[test]
fn a_name_that_cannot_be_told_for_certain_is_left_out_and_the_message_says_so() {
    for (set, name) in
        [("", &b"M\xfcller"[..]), ("ISO_IR 100", "Müller".as_bytes()), ("GIBBERISH", b"\xc8\xab")]
    {
        let header = header((set, name, "P-1", "19500101", "F"));
        let (report, sources) = story(std::slice::from_ref(&header));
        let patient = message().patient(&report, &sources).unwrap();
        assert_eq!((patient.name.as_str(), patient.id.as_str()), ("", "P-1"));
        let written = hl7::oru_r01_to(&report, &Heading::default(), Some(&patient));
        assert!(
            written.contains("|^^^^^^U||19500101|F\r") && written.contains("so the name is left out"),
            "{set}"
        );
    }
    // An id that is guessed files the report with somebody else.
    let header = StudyHeader { patient_id: HeaderText::new(b"P\xe9-1"), ..header(("", b"Doe", "", "", "")) };
    assert!(matches!(patient(&[header]), Err(FormError::Patient(PatientError::UnreadId))));
}

#[test]
fn a_study_without_a_number_has_one_of_its_own_and_who_gave_it_is_named() {
    let own = format!("HILUM-{}", hilum_events::samples::study_id());
    let unnamed = patient(&[header(("", b"", "", "", ""))]).unwrap();
    assert_eq!((unnamed.id.as_str(), unnamed.assigner.as_str()), (own.as_str(), "HILUM"));
    // Pictures have no headers at all.
    let (mut report, _) = story(&[header(("", b"", "", "", ""))]);
    report.images[0].media_type = hilum_events::MediaType::Png;
    let picture = message().patient(&report, &Sources::default()).unwrap();
    assert_eq!((picture.id, picture.name.as_str()), (own, ""));
    let issued =
        StudyHeader { issuer_of_patient_id: HeaderText::new(b"NORTH"), ..header(("", b"Doe", "7", "", "")) };
    assert_eq!(
        patient(&[issued]).unwrap().assigner,
        "NORTH",
        "what the image says counts before the setting"
    );
    // DICOM images of which no header is to be had.
    let (report, _) = story(&[header(("", b"", "", "", ""))]);
    let refused = message().patient(&report, &Sources::default());
    assert!(matches!(refused, Err(FormError::Patient(PatientError::NoHeader))));
}

#[test]
fn an_accession_number_that_images_contradict_is_left_out() {
    let numbered = |number: &[u8]| StudyHeader {
        accession_number: HeaderText::new(number),
        ..header(("", b"Doe^Jane", "P-1", "", ""))
    };
    let of = |numbers: &[&[u8]]| {
        let headers: Vec<_> = numbers.iter().map(|number| numbered(number)).collect();
        patient(&headers).unwrap().accession_number
    };
    assert_eq!(of(&[b"A-1", b"A-1", b""]), "A-1");
    assert_eq!(of(&[b"A-1", b"A-2"]), "");
    assert_eq!(of(&[b"A-1", b"A\xe9"]), "");
    assert_eq!(of(&[b"A\xe9", b"A-1"]), "");
}

#[test]
fn a_report_that_says_that_its_headers_differ_names_nobody_though_a_file_is_gone_since() {
    let (mut report, sources) = story(&[header(("", b"Doe", "1", "", ""))]);
    message().patient(&report, &sources).unwrap();
    report.doubts = vec![Doubt::headers_differ(vec![HeaderField::PatientName])];
    let refused = message().patient(&report, &sources).unwrap_err();
    assert!(matches!(refused, FormError::Patient(PatientError::Several)), "{refused}");
    assert!(!refused.is_transient());
}

/// Writings of names and whose each is.
const NAMES: [(&str, &[u8], u8); 5] = [
    ("", b"", 0),
    ("", b"CANARY^JANE", 1),
    ("ISO_IR 192", "Canary^Jane=金^永姬".as_bytes(), 1),
    ("ISO_IR 192", "Hong^Gildong=洪^吉洞".as_bytes(), 2),
    ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", 2),
];
const IDS: [&str; 3] = ["", "P-1", "P-2"];
const BIRTHS: [&str; 3] = ["", "19500101", "19600202"];
const SEXES: [&str; 3] = ["", "F", "M"];

fn said() -> impl Strategy<Value = [usize; 4]> {
    // Mostly the same, or all headers would contradict each other.
    let mostly = |of: usize| prop_oneof![6 => Just(1), 1 => 0..of];
    (mostly(NAMES.len()), mostly(IDS.len()), mostly(BIRTHS.len()), mostly(SEXES.len()))
        .prop_map(|(name, id, born, sex)| [name, id, born, sex])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_names_a_patient_that_an_image_contradicts(all in prop::collection::vec(said(), 1..5)) {
        let headers: Vec<_> = all
            .iter()
            .map(|[name, id, born, sex]| header((NAMES[*name].0, NAMES[*name].1, IDS[*id], BIRTHS[*born], SEXES[*sex])))
            .collect();
        let person = |[name, id, born, sex]: [usize; 4]| [usize::from(NAMES[name].2), id, born, sex];
        let differ = |one: usize, other: usize| one != 0 && other != 0 && one != other;
        let contradict = |one, other| person(one).iter().zip(person(other)).any(|(one, other)| differ(*one, other));
        let is_one = all.iter().all(|one| all.iter().all(|other| !contradict(*one, *other)));
        let named = patient(&headers);
        prop_assert_eq!(named.is_ok(), is_one);
        let Ok(named) = named else { return Ok(()) };
        for [name, id, born, sex] in all.iter().copied() {
            prop_assert!(id == 0 || named.id == IDS[id]);
            prop_assert!(born == 0 || named.birth_date.is_empty() || named.birth_date == BIRTHS[born]);
            prop_assert!(sex == 0 || named.sex.is_empty() || named.sex == SEXES[sex]);
            let family = ["", "canary", "hong"][usize::from(NAMES[name].2)];
            prop_assert!(named.name.is_empty() || named.name.to_lowercase().starts_with(family));
        }
    }
}
