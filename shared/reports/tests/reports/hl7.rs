//! The message as a parser and a validator that are not ours take it.

use std::path::Path;
use std::process::Command;

use hilum_reports::hl7::{Heading, Patient, System};
use hilum_reports::{Report, hl7, samples};
use hl7_parser::Message;
use hl7_parser::message::Segment;

use crate::trained;

/// A field of a segment as it is meant, component by component.
fn field(message: &Message<'_>, segment: &Segment<'_>, number: usize) -> Vec<String> {
    let Some(field) = segment.field(number) else { return Vec::new() };
    let decode = |text: &str| match text.contains('\\') {
        true => message.separators.decode(text).to_string(),
        false => text.to_owned(),
    };
    let first = field.repeats().next();
    first.into_iter().flat_map(|it| it.components()).map(|it| decode(it.raw_value())).collect()
}

fn text(message: &Message<'_>, segment: &Segment<'_>, number: usize) -> String {
    field(message, segment, number).join("^")
}

/// The observations of a code, by what stands in OBX-4.
fn observations<'a>(message: &'a Message<'a>, code: &str) -> Vec<&'a Segment<'a>> {
    let all = message.segments().filter(|segment| segment.name == "OBX");
    all.filter(|segment| field(message, segment, 3).first().is_some_and(|first| first == code)).collect()
}

#[test]
fn its_segments_come_in_the_order_of_the_standard_and_are_numbered() {
    let written = hl7::oru_r01(&samples::revised());
    let message = Message::parse(&written).unwrap();
    let names: Vec<_> = message.segments().map(|segment| segment.name).collect();
    assert_eq!(&names[..4], ["MSH", "PID", "ORC", "OBR"]);
    assert!(names[4..].iter().all(|name| *name == "OBX"));
    for (number, segment) in (1..).zip(message.segments().filter(|segment| segment.name == "OBX")) {
        assert_eq!(text(&message, segment, 1), number.to_string());
        assert!(["P", "X", "I", "O"].contains(&&*text(&message, segment, 11)), "nothing in it is final");
    }
}

#[test]
fn the_head_says_what_it_is_and_names_no_patient() {
    let written = hl7::oru_r01(&samples::revised());
    let message = Message::parse(&written).unwrap();
    let (header, patient) = (message.segment("MSH").unwrap(), message.segment("PID").unwrap());
    assert_eq!(field(&message, header, 9), ["ORU", "R01", "ORU_R01"]);
    assert_eq!(text(&message, header, 12), "2.5.1");
    assert_eq!(text(&message, header, 10).len(), 20);
    assert_eq!(text(&message, header, 18), "UNICODE UTF-8");
    let said: Vec<_> = (1..=30).map(|number| text(&message, patient, number)).collect();
    assert_eq!((&*said[0], said[1..].iter().all(String::is_empty)), ("1", true));
    let request = message.segment("OBR").unwrap();
    let names = [samples::revised().study_id.to_string(), "HILUM".to_owned()];
    assert_eq!(field(&message, request, 3), names);
    assert_eq!(field(&message, request, 4), ["18748-4", "Diagnostic imaging study", "LN"]);
    assert_eq!(text(&message, request, 25), "P");
}

#[test]
fn its_times_are_those_of_the_site_with_their_offset_or_else_utc() {
    let times = |report: &Report| {
        let written = hl7::oru_r01(report);
        let message = Message::parse(&written).unwrap();
        let (header, request) = (message.segment("MSH").unwrap(), message.segment("OBR").unwrap());
        let observed: Vec<_> =
            message.segments().map(|segment| (segment.name, text(&message, segment, 14))).collect();
        let observed = observed.into_iter().find(|(name, at)| *name == "OBX" && !at.is_empty()).unwrap().1;
        let [begun, ended, reported] = [7, 8, 22].map(|number| text(&message, request, number));
        [text(&message, header, 7), begun, ended, reported, observed]
    };
    let mut report = samples::revised();
    let utc = |second: &str| format!("202601010000{second}+0000");
    assert_eq!(times(&report), ["31", "00", "30", "31", "00"].map(utc));
    report.set_time_zone(&"Asia/Seoul".parse().unwrap());
    let local = |second: &str| format!("202601010900{second}+0900");
    assert_eq!(times(&report), ["31", "00", "30", "31", "00"].map(local));
}

#[test]
fn programs_find_the_study_and_the_revision_by_codes() {
    for report in [samples::one_of_each(), samples::revised()] {
        let written = hl7::oru_r01(&report);
        let message = Message::parse(&written).unwrap();
        let revision = observations(&message, "revision")[0];
        let told = [2, 5, 11].map(|number| text(&message, revision, number));
        assert_eq!(told, ["NM".to_owned(), report.revision.to_string(), "P".to_owned()]);
        assert_eq!(text(&message, observations(&message, "study")[0], 5), "S-1");
    }
}

#[test]
fn a_finding_is_a_number_with_its_codes_and_the_device_of_its_weights() {
    let written = hl7::oru_r01(&trained());
    let message = Message::parse(&written).unwrap();
    let effusion = observations(&message, "60046008");
    assert_eq!(effusion.len(), 3, "of each image that was read");
    assert_eq!(text(&message, effusion[0], 2), "NM");
    let codes = ["60046008", "Pleural effusion", "SCT", "Effusion", "Effusion", "99HILUM"];
    assert_eq!(field(&message, effusion[0], 3), codes);
    assert_eq!(
        (text(&message, effusion[0], 4), text(&message, effusion[0], 5)),
        ("1".into(), "0.22270013".into())
    );
    assert_eq!(field(&message, effusion[0], 18)[0], "densenet121-demo 1");
    assert!(field(&message, effusion[0], 18)[2].starts_with("2.25."));
    let score = observations(&message, "Effusion.score")[0];
    let said = [5, 7, 8, 11].map(|number| text(&message, score, number));
    assert_eq!(said, ["0.5667", "<0.5", "H", "P"]);
}

#[test]
fn an_untrained_network_is_for_training_only_and_flags_nothing() {
    let written = hl7::oru_r01(&samples::revised());
    let message = Message::parse(&written).unwrap();
    let processing = |written: &str| {
        let message = Message::parse(written).unwrap();
        text(&message, message.segment("MSH").unwrap(), 11)
    };
    assert_eq!((&*processing(&written), &*processing(&hl7::oru_r01(&trained()))), ("T", "P"));
    assert_eq!(observations(&message, "warning").len(), 1);
    assert!(observations(&message, "Effusion.score").iter().all(|score| text(&message, score, 8).is_empty()));
}

#[test]
fn an_image_without_a_reading_says_why() {
    let written = hl7::oru_r01(&samples::one_of_each());
    let message = Message::parse(&written).unwrap();
    let without: Vec<_> = observations(&message, "reading")
        .into_iter()
        .map(|segment| (text(&message, segment, 4), text(&message, segment, 11)))
        .collect();
    assert_eq!(without, [("3".into(), "X".into()), ("4".into(), "X".into())]);
    let reasons: Vec<_> =
        observations(&message, "reason").into_iter().map(|segment| text(&message, segment, 5)).collect();
    assert_eq!(reasons[0], "the file ends before its picture does; send it again");
}

#[test]
fn what_is_not_there_yet_is_pending_and_told() {
    let written = hl7::oru_r01(&samples::incomplete());
    let message = Message::parse(&written).unwrap();
    let states: Vec<_> =
        observations(&message, "reading").into_iter().map(|segment| text(&message, segment, 11)).collect();
    assert_eq!(states, ["X", "X", "I"]);
    assert_eq!(observations(&message, "missing").len(), 3);
    let flag = text(&message, observations(&message, "flag")[0], 5);
    assert!(flag.starts_with("Flagged by the rule effusion-first: Effusion with score 0.5667"), "{flag}");
}

#[test]
fn of_a_huge_study_the_first_images_are_told_and_the_number_of_the_others() {
    let mut report = samples::one_of_each();
    report.images = vec![report.images[2].clone(); 203];
    let written = hl7::oru_r01(&report);
    let message = Message::parse(&written).unwrap();
    assert_eq!(observations(&message, "reading").len(), 200);
    let said = text(&message, observations(&message, "untold")[0], 5);
    assert!(said.contains("3 more are in the document"), "{said}");
}

#[test]
fn a_text_with_separators_in_it_is_read_as_it_was_meant() {
    let mut report = samples::one_of_each();
    let reason = r"a|b^c&d~e\f \X41\ end";
    report.images[2].reason = Some(format!("{reason}\rOBX|99|"));
    let written = hl7::oru_r01(&report);
    let message = Message::parse(&written).unwrap();
    assert_eq!(
        message.segments().count(),
        Message::parse(&hl7::oru_r01(&samples::one_of_each())).unwrap().segments().count()
    );
    let said = observations(&message, "reason")[0];
    assert_eq!(text(&message, said, 5), format!("{reason} OBX|99|"));

    report.images[2].reason = Some("µ über 흉부".to_owned());
    let written = hl7::oru_r01(&report);
    let message = Message::parse(&written).unwrap();
    assert_eq!(text(&message, observations(&message, "reason")[0], 5), "µ über 흉부");
}

#[test]
fn another_revision_is_another_message_and_the_same_one_has_the_same_bytes() {
    let report = samples::revised();
    let read = Report::from_json(&report.to_json().unwrap()).unwrap();
    assert_eq!(hl7::oru_r01(&read), hl7::oru_r01(&report));
    let control_id = |report: &Report| {
        let written = hl7::oru_r01(report);
        let message = Message::parse(&written).unwrap();
        text(&message, message.segment("MSH").unwrap(), 10)
    };
    assert_ne!(control_id(&samples::one_of_each()), control_id(&report));
}

fn heading() -> Heading {
    let system = |name| System::new(name).unwrap();
    Heading {
        sending_application: system("READER"),
        sending_facility: system("NORTH^1.2.3^ISO"),
        receiving_application: system("RIS"),
        receiving_facility: system("KLINIK"),
    }
}

fn patient() -> Patient {
    Patient {
        id: "P-1".to_owned(),
        assigner: "KLINIK".to_owned(),
        name: "Hong^Gildong^^^Jr=洪^吉洞=홍^길동".to_owned(),
        birth_date: "19500101".to_owned(),
        sex: "M".to_owned(),
        accession_number: "A|77".to_owned(),
        ..Patient::default()
    }
}

#[test]
fn a_message_to_a_receiver_names_it_the_patient_and_the_order() {
    let written = hl7::oru_r01_to(&samples::revised(), &heading(), Some(&patient()));
    let message = Message::parse(&written).unwrap();
    let header = message.segment("MSH").unwrap();
    let systems = [3, 4, 5, 6].map(|number| text(&message, header, number));
    assert_eq!(systems, ["READER", "NORTH^1.2.3^ISO", "RIS", "KLINIK"]);
    let named = message.segment("PID").unwrap();
    assert_eq!(text(&message, named, 3), "P-1^^^KLINIK");
    let names: Vec<_> = named.field(5).unwrap().repeats().map(|name| name.raw_value().to_owned()).collect();
    assert_eq!(names, ["Hong^Gildong^^Jr^^^^A", "洪^吉洞^^^^^^I", "홍^길동^^^^^^P"]);
    assert_eq!((text(&message, named, 7), text(&message, named, 8)), ("19500101".into(), "M".into()));
    assert_eq!(text(&message, message.segment("OBR").unwrap(), 18), "A|77");
    // All else is as in the form, which names nobody.
    let rest = |written: &str| written.split_once("\rORC|").unwrap().1.replace("A\\F\\77", "");
    assert_eq!(rest(&written), rest(&hl7::oru_r01(&samples::revised())));
}

/// By a program that others wrote: `make interop`.
mod foreign {
    use super::*;

    #[test]
    fn a_strict_validator_finds_a_message_with_a_patient_valid() {
        let Some(packages) =
            std::env::var_os("HILUM_TEST_PYTHONPATH").filter(|folder| Path::new(folder).is_dir())
        else {
            eprintln!(
                "skipped: HILUM_TEST_PYTHONPATH names no folder with hl7apy; `make interop` fetches it"
            );
            return;
        };
        let nameless = Patient { name: String::new(), is_name_unread: true, ..patient() };
        let messages = [samples::one_of_each(), samples::revised(), samples::incomplete(), trained()]
            .iter()
            .flat_map(|report| {
                [&patient(), &nameless].map(|patient| hl7::oru_r01_to(report, &heading(), Some(patient)))
            })
            // Without a patient two required fields are empty: the first is told.
            .chain([hl7::oru_r01(&samples::revised())])
            .collect::<Vec<_>>();
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> =
            (0..messages.len()).map(|number| folder.path().join(number.to_string())).collect();
        for (message, file) in messages.iter().zip(&files) {
            std::fs::write(file, message).unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hl7_validate.py");
        let output =
            Command::new("python3").arg(script).args(&files).env("PYTHONPATH", &packages).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        let (last, others) =
            said.lines().collect::<Vec<_>>().split_last().map(|(last, all)| (*last, all.to_vec())).unwrap();
        assert_eq!(others, ["valid"; 8]);
        assert_eq!(last, "Missing required child PID.PID_3");
    }
}
