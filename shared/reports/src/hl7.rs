//! A report as an HL7 v2.5.1 message ORU^R01: the findings as numbers, the rest as lines of text. The form of the report
//! names no patient, because Hilum knows none: the receiver finds the study by its UID or by the sender's name for it. A message
//! that is made for one receiver names that receiver and, where the images were asked, their patient (ADR 0045).

mod heading;
mod observations;
mod segment;

use hilum_zones::UtcOffset;
use jiff::Timestamp;

use crate::codes::IMAGING_REPORT;
use crate::document::Report;
use crate::form::Form;
use crate::{identity, sentences};
pub use heading::{Heading, Patient, System};
use segment::Segment;

/// The message as a form of the report.
pub const FORM: Form = Form { name: "hl7", media_type: "application/hl7-v2; charset=utf-8", version: 2 };

/// Who sends the message and names the study.
const APPLICATION: &str = "HILUM";
/// What MSH-10 holds.
const CONTROL_ID_CHARACTERS: usize = 20;

/// Makes the message of a report that [`crate::check`] finds no flaw in. Segments end with a carriage return.
pub fn oru_r01(report: &Report) -> String {
    oru_r01_to(report, &Heading::default(), None)
}

/// As [`oru_r01`], for the receiver that the heading names. `patient` is the patient of all its images.
pub fn oru_r01_to(report: &Report, heading: &Heading, patient: Option<&Patient>) -> String {
    let mut message = String::new();
    let accession_number = patient.map_or("", |patient| &patient.accession_number);
    let patient_segment = patient.map_or_else(no_patient, Patient::segment);
    let request = request(report, accession_number);
    for segment in [header(report, heading), patient_segment, order(report), request] {
        segment.write(&mut message);
    }
    let is_name_unread = patient.is_some_and(|patient| patient.is_name_unread);
    for (number, observation) in (1_u32..).zip(observations::of(report, is_name_unread)) {
        observation.text(1, &number.to_string()).write(&mut message);
    }
    message
}

fn header(report: &Report, heading: &Heading) -> Segment {
    Segment::header()
        .components(3, &heading.sending_application.or(APPLICATION))
        .components(4, &heading.sending_facility.or(report.site.as_str()))
        .components(5, &heading.receiving_application.or(""))
        .components(6, &heading.receiving_facility.or(""))
        .text(7, &time(report, report.as_of))
        .components(9, &["ORU", "R01", "ORU_R01"])
        .text(10, &control_id(report))
        .text(11, processing_id(report))
        .text(12, "2.5.1")
        .text(18, "UNICODE UTF-8")
}

/// The id that acknowledgements name: another one for every revision, the same one whenever the message is made again.
fn control_id(report: &Report) -> String {
    let id = identity::of_study(report.study_id, &format!("hl7/{}", report.revision)).simple().to_string();
    id[..CONTROL_ID_CHARACTERS].to_owned()
}

/// What an untrained network says belongs into no record: `T` keeps it out of those in production.
fn processing_id(report: &Report) -> &'static str {
    if report.is_untrained() { "T" } else { "P" }
}

/// Its required fields, the patient's identifiers and name, are empty.
fn no_patient() -> Segment {
    Segment::new("PID").text(1, "1").text(5, "")
}

fn order(report: &Report) -> Segment {
    Segment::new("ORC").text(1, "RE").components(3, &filler(report))
}

fn request(report: &Report, accession_number: &str) -> Segment {
    let (first, last) = sentences::received(report);
    let code = IMAGING_REPORT;
    Segment::new("OBR")
        .text(1, "1")
        .components(3, &filler(report))
        .components(4, &[code.value, code.meaning, code.scheme.designator()])
        .text(7, &time(report, first))
        .text(8, &time(report, last))
        // Where IHE Radiology has it.
        .text(18, accession_number)
        .text(22, &time(report, report.as_of))
        .text(24, "RAD")
        // Preliminary: a model said it and nobody signed it.
        .text(25, "P")
}

fn filler(report: &Report) -> [String; 2] {
    [report.study_id.to_string(), APPLICATION.to_owned()]
}

/// To the second, on the site's clocks if it has a time zone, else in UTC; always with the offset.
fn time(report: &Report, at: Timestamp) -> String {
    let offset = report.utc_offset(at).unwrap_or(UtcOffset::UTC);
    format!("{}{}", offset.local(at).strftime("%Y%m%d%H%M%S"), offset.without_colon())
}
