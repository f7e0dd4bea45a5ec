//! A report as a FHIR R4 Bundle: a DiagnosticReport, the ImagingStudy that it is of, a Device for each model and an
//! Observation for each finding of each image. No extensions, and no Patient: Hilum knows none. Ids name the thing and not
//! the revision, so that a newer bundle replaces what an older one said.

mod device;
mod diagnostic_report;
mod imaging_study;
mod observation;
mod types;

use serde::Serialize;

use crate::document::Report;
use crate::form::Form;
use crate::identity;
use device::Device;
use diagnostic_report::DiagnosticReport;
use imaging_study::ImagingStudy;
use observation::Observation;
use types::{Identifier, urn};

/// The bundle as a form of the report.
pub const FORM: Form = Form { name: "fhir", media_type: "application/fhir+json", version: 1 };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    resource_type: &'static str,
    id: String,
    identifier: Identifier,
    r#type: &'static str,
    timestamp: String,
    entry: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    full_url: String,
    resource: Resource,
}

#[derive(Serialize)]
#[serde(tag = "resourceType")]
#[expect(clippy::large_enum_variant, reason = "the largest one is the usual one")]
enum Resource {
    DiagnosticReport(DiagnosticReport),
    ImagingStudy(ImagingStudy),
    Device(Device),
    Observation(Observation),
}

impl Resource {
    fn id(&self) -> &str {
        match self {
            Self::DiagnosticReport(resource) => &resource.id,
            Self::ImagingStudy(resource) => &resource.id,
            Self::Device(resource) => &resource.id,
            Self::Observation(resource) => &resource.id,
        }
    }
}

/// Makes the bundle of a report that [`crate::check`] finds no flaw in, as indented JSON.
pub fn bundle(report: &Report) -> Vec<u8> {
    let studies = imaging_study::of(report);
    let devices = device::of(report);
    let observations = observation::of(report);
    let head = diagnostic_report::of(report, &studies, &observations);
    let resources = std::iter::once(Resource::DiagnosticReport(head))
        .chain(studies.into_iter().map(Resource::ImagingStudy))
        .chain(devices.into_iter().map(Resource::Device))
        .chain(observations.into_iter().map(Resource::Observation));
    let id = identity::of_study(report.study_id, &format!("fhir/bundle/{}", report.revision));
    let bundle = Bundle {
        resource_type: "Bundle",
        id: id.to_string(),
        identifier: Identifier::uuid(id),
        r#type: "collection",
        timestamp: report.as_of.to_string(),
        entry: resources.map(|resource| Entry { full_url: urn(resource.id()), resource }).collect(),
    };
    // Structs and no `json!`: the order of the fields is theirs, whatever other crates want of serde_json.
    let mut json = serde_json::to_vec_pretty(&bundle).expect("structs of text and numbers have a JSON form");
    json.push(b'\n');
    json
}
