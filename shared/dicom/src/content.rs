//! Content items of structured reports (PS3.3 C.17.3). Knows no report.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use hilum_imaging::StudyHeader;

use crate::codes::{Code, Term};
use crate::data_set::DataSet;
use crate::evidence::reference;

/// How an item belongs to the one it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Contains,
    ConceptModifier,
    ObservationContext,
    AcquisitionContext,
}

impl Relation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::ConceptModifier => "HAS CONCEPT MOD",
            Self::ObservationContext => "HAS OBS CONTEXT",
            Self::AcquisitionContext => "HAS ACQ CONTEXT",
        }
    }
}

fn item(relation: Relation, value_type: &str, name: Term) -> DataSet {
    DataSet::new()
        .text(tags::RELATIONSHIP_TYPE, VR::CS, relation.as_str())
        .text(tags::VALUE_TYPE, VR::CS, value_type)
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, name)
}

pub(crate) fn text(relation: Relation, name: Term, text: impl Into<String>) -> DataSet {
    item(relation, "TEXT", name).text(tags::TEXT_VALUE, VR::UT, text)
}

pub(crate) fn code(relation: Relation, name: Term, value: impl Into<Code>) -> DataSet {
    item(relation, "CODE", name).code(tags::CONCEPT_CODE_SEQUENCE, value)
}

pub(crate) fn uid(relation: Relation, name: Term, uid: &str) -> DataSet {
    item(relation, "UIDREF", name).text(tags::UID, VR::UI, uid)
}

/// A finite number in `units`.
pub(crate) fn number(relation: Relation, name: Term, number: f64, units: Term) -> DataSet {
    let value = DataSet::new()
        .text(tags::NUMERIC_VALUE, VR::DS, decimal(number))
        .double(tags::FLOATING_POINT_VALUE, number)
        .code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, units);
    item(relation, "NUM", name).items(tags::MEASURED_VALUE_SEQUENCE, [value])
}

/// A reference to an image; the image library's have no name.
pub(crate) fn image(name: Option<Term>, header: &StudyHeader) -> DataSet {
    let image = DataSet::new()
        .text(tags::RELATIONSHIP_TYPE, VR::CS, Relation::Contains.as_str())
        .text(tags::VALUE_TYPE, VR::CS, "IMAGE")
        .items(tags::REFERENCED_SOP_SEQUENCE, [reference(header)]);
    match name {
        Some(name) => image.code(tags::CONCEPT_NAME_CODE_SEQUENCE, name),
        None => image,
    }
}

/// A container of `items` within another.
pub(crate) fn container(name: Term, items: Vec<DataSet>) -> DataSet {
    let container = item(Relation::Contains, "CONTAINER", name);
    container.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE").items(tags::CONTENT_SEQUENCE, items)
}

/// The name of a DICOM template that a container follows.
pub(crate) fn template(identifier: &str) -> DataSet {
    let template = DataSet::new().text(tags::MAPPING_RESOURCE, VR::CS, "DCMR").text(
        tags::TEMPLATE_IDENTIFIER,
        VR::CS,
        identifier,
    );
    DataSet::new().items(tags::CONTENT_TEMPLATE_SEQUENCE, [template])
}

/// At most 16 characters, as a decimal string has.
fn decimal(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_short_as_they_are() {
        let written = [0.0, 1.0, 0.5667, 640.0, f64::from(f32::MIN_POSITIVE)].map(decimal);
        assert_eq!(written, ["0", "1", "0.5667", "640", "0"]);
        assert!(decimal(1.0 / 3.0).len() <= 16 && decimal(16384.123456789).len() <= 16);
    }
}
