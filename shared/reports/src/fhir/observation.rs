//! What the models said: one observation for each image, which says what became of it, and one for each of its findings.

use hilum_events::Finding;
use jiff::Timestamp;
use serde::Serialize;

use super::types::{Annotation, CodeableConcept, Coding, Identifier, Quantity, Reference, annotations};
use super::{device, imaging_study};
use crate::document::{ImageEntry, ImageStatus, ReadingEntry, Report};
use crate::{codes, identity, sentences};

/// The name of the resource.
pub(super) const TYPE: &str = "Observation";
/// What the observation of the image itself is told from its findings by.
const READING: &str = "fhir/reading";
const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const ABSENT_REASONS: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const INTERPRETATIONS: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Observation {
    #[serde(skip)]
    pub(super) place: String,
    pub(super) identifier: Vec<Identifier>,
    status: &'static str,
    category: Vec<CodeableConcept>,
    code: CodeableConcept,
    effective_date_time: Timestamp,
    issued: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_quantity: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_absent_reason: Option<CodeableConcept>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interpretation: Vec<CodeableConcept>,
    note: Vec<Annotation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<CodeableConcept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_member: Vec<Reference>,
    derived_from: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    component: Vec<Component>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    code: CodeableConcept,
    value_quantity: Quantity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reference_range: Vec<ReferenceRange>,
}

#[derive(Debug, Serialize)]
struct ReferenceRange {
    text: &'static str,
}

/// An image in its report.
#[derive(Clone, Copy)]
struct ObservedImage<'a> {
    report: &'a Report,
    /// 1 for the first.
    number: usize,
    image: &'a ImageEntry,
}

/// The observations, image by image, findings in the model's order behind the image's own.
pub(super) fn of(report: &Report) -> Vec<Observation> {
    let mut observations = Vec::new();
    for (number, image) in (1..).zip(&report.images).take(sentences::IMAGES) {
        let place = ObservedImage { report, number, image };
        match &image.reading {
            Some(reading) => {
                let findings: Vec<_> =
                    reading.findings.iter().map(|one| finding(place, reading, one)).collect();
                observations.push(with_reading(place, reading, &findings));
                observations.extend(findings);
            }
            None => observations.push(without_reading(place)),
        }
    }
    observations
}

fn finding(place: ObservedImage<'_>, reading: &ReadingEntry, finding: &Finding) -> Observation {
    let label = sentences::label(&finding.label);
    let standard = codes::of_label(&finding.label).map(Coding::standard);
    let coding: Vec<_> = standard.into_iter().chain([Coding::local(&finding.label, &label)]).collect();
    let score = finding.operating_point_score;
    let what = format!("fhir/finding/{}", finding.label);
    Observation {
        value_quantity: Some(Quantity::ratio(finding.probability, "probability")),
        interpretation: score.and_then(|score| interpretation(reading, score)).into_iter().collect(),
        component: components(finding),
        ..by_model(place, reading, &what, CodeableConcept::coded(coding, &label))
    }
}

/// The members of an image that was read: its findings. One that had none in an earlier revision says so no longer.
fn with_reading(place: ObservedImage<'_>, reading: &ReadingEntry, findings: &[Observation]) -> Observation {
    let has_member = findings.iter().map(|finding| Reference::to(TYPE, &finding.place)).collect();
    Observation { has_member, ..by_model(place, reading, READING, reading_code()) }
}

/// The status and reason of an image without a reading: in R4's words a measurement that was not completed, or one of which
/// nothing is known yet.
fn without_reading(place: ObservedImage<'_>) -> Observation {
    let image = place.image;
    let (status, absent) = match image.status {
        ImageStatus::Pending => {
            let unknown = Coding::new(ABSENT_REASONS, "temp-unknown", "Temporarily Unknown");
            ("registered", CodeableConcept::coded([unknown], "the image has no outcome yet"))
        }
        ImageStatus::Completed | ImageStatus::Failed => {
            let reason = image.reason.as_deref().unwrap_or("the reason was not recorded");
            let word = image.reason_code.as_deref().map(|word| format!(" ({word})")).unwrap_or_default();
            let error = Coding::new(ABSENT_REASONS, "error", "Error");
            ("cancelled", CodeableConcept::coded([error], &format!("{reason}{word}")))
        }
    };
    let data_absent_reason = Some(absent);
    let mut observation =
        Observation { status, data_absent_reason, ..observation(place, READING, reading_code()) };
    observation.note.extend(annotations(image.what_to_do.clone()));
    observation
}

fn reading_code() -> CodeableConcept {
    let what = "Reading of the image";
    CodeableConcept::coded([Coding::local("reading", what)], what)
}

/// What all that a model said of an image has in common.
fn by_model(
    place: ObservedImage<'_>,
    reading: &ReadingEntry,
    what: &str,
    code: CodeableConcept,
) -> Observation {
    Observation {
        method: Some(CodeableConcept::text(sentences::method(reading))),
        device: Some(Reference::to(device::TYPE, &device::place(&reading.model))),
        ..observation(place, what, code)
    }
}

/// What all observations of an image have in common. `what` tells this one from the others.
fn observation(place: ObservedImage<'_>, what: &str, code: CodeableConcept) -> Observation {
    let ObservedImage { report, image, .. } = place;
    let uuid = identity::of_image(image.job_id, what);
    let notes = std::iter::once(report.disclaimer.clone()).chain(sentences::notes(image));
    let imaging = Coding::new(CATEGORIES, "imaging", "Imaging");
    Observation {
        // Servers put the resource's address wherever its place stands, so that no identifier may be the same.
        place: identity::of_image(image.job_id, &format!("{what}/place")).to_string(),
        identifier: vec![Identifier::uuid(uuid)],
        // A model said it and nobody signed it.
        status: "preliminary",
        category: vec![CodeableConcept::coded([imaging], "Imaging")],
        code,
        effective_date_time: image.received_at,
        issued: report.as_of,
        value_quantity: None,
        data_absent_reason: None,
        interpretation: Vec::new(),
        note: annotations(notes),
        method: None,
        device: None,
        has_member: Vec::new(),
        derived_from: vec![source(place)],
        component: Vec::new(),
    }
}

/// The study that the image is of, and for people which of its images it is.
fn source(ObservedImage { report, number, image }: ObservedImage<'_>) -> Reference {
    let instance = image.dicom.as_ref().map(|dicom| format!(", SOP instance {}", dicom.sop_instance_uid));
    let display = format!("image {number}, job {}{}", image.job_id, instance.unwrap_or_default());
    let study = imaging_study::place(report, image);
    Reference { display: Some(display), ..Reference::to(imaging_study::TYPE, &study) }
}

/// Positive and negative are meant as HL7 words them: by the threshold of the test that was performed. Of a network that
/// was not trained nothing is interpreted.
fn interpretation(reading: &ReadingEntry, score: f32) -> Option<CodeableConcept> {
    if !reading.trained {
        return None;
    }
    let (code, display, text) = match sentences::is_above(reading, score) {
        true => ("POS", "Positive", "at or above the model's operating point"),
        false => ("NEG", "Negative", "below the model's operating point"),
    };
    Some(CodeableConcept::coded([Coding::new(INTERPRETATIONS, code, display)], text))
}

fn components(finding: &Finding) -> Vec<Component> {
    let score = finding.operating_point_score.map(|score| Component {
        reference_range: vec![ReferenceRange { text: sentences::OPERATING_POINT }],
        ..component("operating-point-score", "Operating-point score", Quantity::ratio(score, "score"))
    });
    let logit = component("logit", "Logit", Quantity::ratio(finding.logit, "logit"));
    score.into_iter().chain([logit]).collect()
}

fn component(code: &str, display: &str, value_quantity: Quantity) -> Component {
    let code = CodeableConcept::coded([Coding::local(code, display)], display);
    Component { code, value_quantity, reference_range: Vec::new() }
}
