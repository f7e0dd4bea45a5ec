//! The models as devices, which all reports share: nothing stands there that is of one report, such as what ran the model.

use std::collections::BTreeSet;

use serde::Serialize;

use super::types::{Annotation, CodeableConcept, Identifier, annotations};
use crate::document::{ModelEntry, ModelKey, Report};
use crate::{identity, sentences};

/// The name of the resource.
pub(super) const TYPE: &str = "Device";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    #[serde(skip)]
    pub(super) place: String,
    pub(super) identifier: Vec<Identifier>,
    status: &'static str,
    device_name: Vec<DeviceName>,
    r#type: CodeableConcept,
    version: Vec<Version>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    note: Vec<Annotation>,
}

#[derive(Debug, Serialize)]
struct DeviceName {
    name: String,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct Version {
    r#type: CodeableConcept,
    value: String,
}

/// The models of the report, each once.
pub(super) fn of(report: &Report) -> Vec<Device> {
    let mut seen = BTreeSet::new();
    let devices = report.models.iter().map(device);
    devices.filter(|device| seen.insert(device.place.clone())).collect()
}

/// The place of the device that a model is.
pub(super) fn place(model: &ModelKey) -> String {
    identity::of_device(model).to_string()
}

fn device(model: &ModelEntry) -> Device {
    let identity = &model.identity;
    let uuid = identity::of_device(&ModelKey::of(identity));
    let version = |what: &str, value: String| Version { r#type: CodeableConcept::text(what), value };
    let versions = vec![
        version("model", identity.version.clone()),
        version("SHA-256 of the weights", identity.weights_sha256.to_string()),
        version("preprocessing", identity.preprocessing_id.clone()),
    ];
    Device {
        place: uuid.to_string(),
        identifier: vec![Identifier::dicom(&identity::oid(uuid))],
        status: "active",
        device_name: vec![DeviceName { name: identity.name.clone(), r#type: "model-name" }],
        r#type: CodeableConcept::text("network that reads images"),
        version: versions,
        note: annotations(sentences::untrained(model).map(ToOwned::to_owned)),
    }
}
