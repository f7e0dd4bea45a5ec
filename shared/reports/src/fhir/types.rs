//! The data types of FHIR R4 that the bundle needs, with the elements that it uses.

use serde::Serialize;
use uuid::Uuid;

use crate::codes::{Code, LOCAL_URI};

/// The system of values that are themselves URIs.
const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Coding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct CodeableConcept {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) coding: Vec<Coding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Identifier {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<&'static str>,
    pub(super) value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assigner: Option<Reference>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Reference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) resource_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<String>,
}

/// A number without a dimension. It stays an `f32` until it is text: as `f64` it would show digits it does not have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Quantity {
    pub(super) value: f32,
    pub(super) unit: &'static str,
    pub(super) system: &'static str,
    pub(super) code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Annotation {
    pub(super) text: String,
}

impl Coding {
    pub(super) fn new(system: &'static str, code: &str, display: &str) -> Self {
        Self { system: Some(system), code: Some(code.to_owned()), display: Some(display.to_owned()) }
    }

    pub(super) fn standard(code: Code) -> Self {
        Self::new(code.scheme.uri(), code.value, code.meaning)
    }

    /// A code of Hilum or of the model.
    pub(super) fn local(code: &str, display: &str) -> Self {
        Self::new(LOCAL_URI, code, display)
    }

    /// A text for which no code is known, where one is required.
    pub(super) fn unknown(why: &str) -> Self {
        Self { display: Some(why.to_owned()), ..Self::default() }
    }
}

impl CodeableConcept {
    pub(super) fn coded(coding: impl Into<Vec<Coding>>, text: &str) -> Self {
        Self { coding: coding.into(), text: Some(text.to_owned()) }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { coding: Vec::new(), text: Some(text.into()) }
    }
}

impl Identifier {
    pub(super) fn uuid(uuid: Uuid) -> Self {
        Self { system: Some(URI_SYSTEM), value: urn(&uuid.to_string()), assigner: None }
    }

    pub(super) fn dicom(uid: &str) -> Self {
        Self { system: Some("urn:dicom:uid"), value: format!("urn:oid:{uid}"), assigner: None }
    }

    /// A name that `assigner` gave, of which no system is known.
    pub(super) fn named(value: String, assigner: String) -> Self {
        let assigner = Reference { display: Some(assigner), ..Reference::default() };
        Self { system: None, value, assigner: Some(assigner) }
    }
}

impl Reference {
    /// A reference to the resource at this place of the same bundle.
    pub(super) fn to(resource_type: &'static str, place: &str) -> Self {
        Self { reference: Some(urn(place)), resource_type: Some(resource_type), display: None }
    }
}

impl Quantity {
    /// `unit` is for people; for programs it is the UCUM unit 1.
    pub(super) fn ratio(value: f32, unit: &'static str) -> Self {
        Self { value, unit, system: "http://unitsofmeasure.org", code: "1" }
    }
}

pub(super) fn annotations(texts: impl IntoIterator<Item = String>) -> Vec<Annotation> {
    texts.into_iter().map(|text| Annotation { text }).collect()
}

/// The UUID as a URI: an identifier, or a resource's place in the bundle.
pub(super) fn urn(uuid: &str) -> String {
    format!("urn:uuid:{uuid}")
}
