//! A report as a FHIR R4 Bundle: a DiagnosticReport, the ImagingStudy that it is of, a Device for each model and an
//! Observation for each image and each finding. No extensions, and no Patient: Hilum knows none. It is a transaction of
//! conditional requests (ADR 0045): whoever posts it twice, or a newer revision after it, has one DiagnosticReport.

mod device;
mod diagnostic_report;
mod imaging_study;
mod observation;
mod request;
mod types;

use serde::Serialize;

use crate::document::Report;
use crate::form::Form;
use crate::identity;
use device::Device;
use diagnostic_report::DiagnosticReport;
use imaging_study::ImagingStudy;
use observation::Observation;
use request::Request;
use types::{Identifier, urn};

/// The bundle as a form of the report.
pub const FORM: Form = Form { name: "fhir", media_type: "application/fhir+json", version: 2 };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    resource_type: &'static str,
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
    request: Request,
}

/// None has an id: that is the server's to give, and one of ours could be refused or be another resource's.
#[derive(Serialize)]
#[serde(tag = "resourceType")]
#[expect(clippy::large_enum_variant, reason = "the largest one is the usual one")]
enum Resource {
    DiagnosticReport(DiagnosticReport),
    ImagingStudy(ImagingStudy),
    Device(Device),
    Observation(Observation),
}

impl Entry {
    fn of(resource: Resource) -> Self {
        let (place, request) = match &resource {
            Resource::DiagnosticReport(report) => {
                (&report.place, Request::update(diagnostic_report::TYPE, &report.identifier))
            }
            Resource::ImagingStudy(study) => (&study.place, study.request()),
            Resource::Device(device) => (&device.place, Request::create(device::TYPE, &device.identifier)),
            Resource::Observation(observation) => {
                (&observation.place, Request::update(observation::TYPE, &observation.identifier))
            }
        };
        Self { full_url: urn(place), request, resource }
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
        identifier: Identifier::uuid(id),
        r#type: "transaction",
        timestamp: report.as_of.to_string(),
        entry: resources.map(Entry::of).collect(),
    };
    // Structs and no `json!`: the order of the fields is theirs, whatever other crates want of serde_json.
    let mut json = serde_json::to_vec_pretty(&bundle).expect("structs of text and numbers have a JSON form");
    json.push(b'\n');
    json
}
