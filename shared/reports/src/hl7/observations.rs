//! What the message says of the study and of each image, as segments OBX without their numbers.

use std::collections::BTreeSet;

use hilum_events::Finding;

use super::segment::{Segment, lines};
use super::time;
use crate::codes::{self, DICOM_STUDY, LOCAL_DESIGNATOR};
use crate::document::{ImageEntry, ImageStatus, ReadingEntry, Report, UNTRAINED_NOTICE};
use crate::{identity, sentences};

/// States of an observation, table 0085.
const PRELIMINARY: &str = "P";
const NO_RESULT: &str = "X";
const PENDING: &str = "I";
const ORDER_DETAIL: &str = "O";

const NAME_UNREAD: &str =
    "The images name their patient in characters that can't be told for certain, so the name is left out.";

/// All segments, those of the study first, then image by image.
pub(super) fn of(report: &Report, is_name_unread: bool) -> Vec<Segment> {
    let mut segments = of_study(report);
    if is_name_unread {
        segments.extend(text("patient-name", "Name of the patient", "", NAME_UNREAD));
    }
    for (number, image) in (1..).zip(&report.images).take(sentences::IMAGES) {
        segments.extend(of_image(report, number, image));
    }
    segments
}

fn of_study(report: &Report) -> Vec<Segment> {
    let untrained = report.is_untrained().then(|| text("warning", "Warning", "", UNTRAINED_NOTICE));
    let mut segments = text("disclaimer", "Disclaimer", "", &report.disclaimer);
    segments.extend(untrained.into_iter().flatten());
    segments.extend(text("summary", "Summary", "", &sentences::summary(report)));
    segments.push(named("study", "Study", "", &report.study_name()));
    segments.push(revision(report));
    let untold = sentences::untold(report).map(|said| text("untold", "Not told", "", &said));
    segments.extend(untold.into_iter().flatten());
    let doubts: Vec<_> = report.doubts.iter().map(|doubt| doubt.text.clone()).collect();
    segments.extend(several("doubt", "Doubt about whose the images are", &doubts));
    segments.extend(several("missing", "Missing", &sentences::missing(report)));
    segments.extend(several("flag", "Flag", &sentences::flags(report)));
    segments.extend(text("numbers", "How to take the numbers", "", sentences::NUMBERS));
    let mut seen = BTreeSet::new();
    let dicom = report.images.iter().filter_map(|image| image.dicom.as_ref());
    let uids = dicom.map(|dicom| &dicom.study_instance_uid).filter(|uid| seen.insert(uid.as_str()));
    segments.extend((1_u32..).zip(uids).map(|(number, uid)| {
        let code = [DICOM_STUDY.value, DICOM_STUDY.meaning, DICOM_STUDY.scheme.designator()];
        observation("ST", &code, &number.to_string()).text(5, uid).text(11, ORDER_DETAIL)
    }));
    segments
}

fn of_image(report: &Report, number: usize, image: &ImageEntry) -> Vec<Segment> {
    let place = number.to_string();
    let mut segments = vec![named("job", "Job", &place, &image.job_id.to_string())];
    if let Some(dicom) = &image.dicom {
        segments.push(named("sop-instance-uid", "SOP Instance UID", &place, &dicom.sop_instance_uid));
    }
    for (note, said) in (1_u32..).zip(sentences::notes(image)) {
        segments.extend(text("note", "Note", &format!("{place}.{note}"), &said));
    }
    match &image.reading {
        Some(reading) => {
            let said = reading.findings.iter().flat_map(|one| finding(reading, one, &place));
            let received_at = time(report, image.received_at);
            segments.extend(said.map(|segment| by_model(segment, &received_at, reading)));
        }
        None if image.status == ImageStatus::Pending => segments.push(without_reading(&place, PENDING)),
        None => segments.extend(failure(image, &place)),
    }
    segments
}

/// The probability of a finding, and its score if the model has an operating point for it.
fn finding(reading: &ReadingEntry, finding: &Finding, place: &str) -> Vec<Segment> {
    let label = sentences::label(&finding.label);
    let local = [finding.label.as_str(), label.as_str(), LOCAL_DESIGNATOR];
    let code = match codes::of_label(&finding.label) {
        Some(code) => [&[code.value, code.meaning, code.scheme.designator()][..], &local].concat(),
        None => local.to_vec(),
    };
    let score = finding.operating_point_score.map(|score| {
        let code = [
            format!("{}.score", finding.label),
            format!("{label}, operating-point score"),
            LOCAL_DESIGNATOR.to_owned(),
        ];
        let above = sentences::is_above(reading, score);
        number(&code, place, score).text(7, "<0.5").text(8, if above { "H" } else { "" })
    });
    std::iter::once(number(&code, place, finding.probability)).chain(score).collect()
}

/// A number without a dimension. HL7 knows no exponents, and neither does `Display`.
fn number(code: &[impl AsRef<str>], place: &str, value: f32) -> Segment {
    let segment = observation("NM", code, place).text(5, &value.to_string());
    segment.components(6, &["1", "", "UCUM"]).text(11, PRELIMINARY)
}

fn revision(report: &Report) -> Segment {
    let segment = observation("NM", &["revision", "Revision", LOCAL_DESIGNATOR], "");
    segment.text(5, &report.revision.to_string()).text(11, PRELIMINARY)
}

/// The model that said it, and when the image came.
fn by_model(segment: Segment, received_at: &str, reading: &ReadingEntry) -> Segment {
    let key = &reading.model;
    let model = sentences::model(&key.name, &key.version);
    let device = identity::oid(identity::of_device(key));
    segment
        .text(14, received_at)
        .components(17, &[model.as_str(), &sentences::method(reading), LOCAL_DESIGNATOR])
        .components(18, &[model.as_str(), "", &device, "ISO"])
}

fn failure(image: &ImageEntry, place: &str) -> Vec<Segment> {
    let reason = image.reason.as_deref().unwrap_or("the reason was not recorded");
    let mut segments = vec![without_reading(place, NO_RESULT)];
    segments
        .extend(image.reason_code.as_deref().map(|word| named("reason-code", "Reason code", place, word)));
    segments.extend(text("reason", "Reason", place, reason));
    let what_to_do = image.what_to_do.as_deref().map(|said| text("what-to-do", "What to do", place, said));
    segments.extend(what_to_do.into_iter().flatten());
    segments
}

fn without_reading(place: &str, state: &str) -> Segment {
    observation("ST", &["reading", "Reading of the image", LOCAL_DESIGNATOR], place).text(11, state)
}

/// Texts of the whole study under one code.
fn several(code: &str, meaning: &str, said: &[String]) -> Vec<Segment> {
    let texts = (1_u32..).zip(said).flat_map(|(number, said)| text(code, meaning, &number.to_string(), said));
    texts.collect()
}

/// A text, one segment for each line. `place` is empty for a text about the whole study.
fn text(code: &str, meaning: &str, place: &str, said: &str) -> Vec<Segment> {
    let dot = if place.is_empty() { "" } else { "." };
    let line = |(number, line): (u32, String)| {
        let place = format!("{place}{dot}{number}");
        observation("TX", &[code, meaning, LOCAL_DESIGNATOR], &place).text(5, &line).text(11, PRELIMINARY)
    };
    (1..).zip(lines(said)).map(line).collect()
}

fn named(code: &str, meaning: &str, place: &str, value: &str) -> Segment {
    observation("ST", &[code, meaning, LOCAL_DESIGNATOR], place).text(5, value).text(11, PRELIMINARY)
}

/// `place` tells observations with the same code apart: the image's number, and the line's.
fn observation(value_type: &str, code: &[impl AsRef<str>], place: &str) -> Segment {
    Segment::new("OBX").text(2, value_type).components(3, code).text(4, place)
}
