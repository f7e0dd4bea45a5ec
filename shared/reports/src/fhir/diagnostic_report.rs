//! The head of the bundle: what was reported, and which resources say it.

use jiff::Timestamp;
use serde::Serialize;

use super::imaging_study::{self, ImagingStudy};
use super::observation::{self, Observation};
use super::types::{CodeableConcept, Coding, Identifier, Reference};
use crate::codes::{IMAGING_REPORT, RADIOLOGY};
use crate::document::{Report, UNTRAINED_NOTICE};
use crate::{identity, sentences};

/// The name of the resource.
pub(super) const TYPE: &str = "DiagnosticReport";
/// Sections of a diagnostic service, HL7 v2 table 0074.
const SECTIONS: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiagnosticReport {
    #[serde(skip)]
    pub(super) place: String,
    pub(super) identifier: Vec<Identifier>,
    status: &'static str,
    category: Vec<CodeableConcept>,
    code: CodeableConcept,
    effective_period: Period,
    issued: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    result: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imaging_study: Vec<Reference>,
    conclusion: String,
}

/// When the images came.
#[derive(Debug, Serialize)]
struct Period {
    start: Timestamp,
    end: Timestamp,
}

pub(super) fn of(
    report: &Report,
    studies: &[ImagingStudy],
    observations: &[Observation],
) -> DiagnosticReport {
    let named = report.study_ref.as_ref();
    let sender = named.map(|name| Identifier::named(name.to_string(), format!("site {}", report.site)));
    let (start, end) = sentences::received(report);
    DiagnosticReport {
        place: identity::of_study(report.study_id, "fhir/report").to_string(),
        identifier: std::iter::once(Identifier::uuid(report.study_id.as_uuid())).chain(sender).collect(),
        // A model said it and nobody signed it.
        status: "preliminary",
        category: vec![category()],
        code: CodeableConcept::coded([Coding::standard(IMAGING_REPORT)], IMAGING_REPORT.meaning),
        effective_period: Period { start, end },
        issued: report.as_of,
        result: observations.iter().map(|one| Reference::to(observation::TYPE, &one.place)).collect(),
        imaging_study: studies.iter().map(|one| Reference::to(imaging_study::TYPE, &one.place)).collect(),
        conclusion: conclusion(report),
    }
}

fn category() -> CodeableConcept {
    let section = Coding::new(SECTIONS, "RAD", "Radiology");
    CodeableConcept::coded([section, Coding::standard(RADIOLOGY)], RADIOLOGY.meaning)
}

fn conclusion(report: &Report) -> String {
    let mut said = vec![report.disclaimer.clone()];
    said.extend(report.is_untrained().then(|| format!("{UNTRAINED_NOTICE}.")));
    said.push(sentences::summary(report));
    said.extend(sentences::untold(report));
    said.extend(report.doubts.iter().map(|doubt| doubt.text.clone()));
    said.extend(sentences::missing(report));
    said.extend(sentences::flags(report));
    said.push(sentences::NUMBERS.to_owned());
    said.join(" ")
}
