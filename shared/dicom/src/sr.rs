//! The report as a structured report: Comprehensive 3D SR by template TID 1500, as IHE AI Results wants it.

mod groups;
mod library;
mod predecessor;
mod remarks;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use hilum_events::Sha256Digest;
use hilum_reports::Report;

use crate::content::{Relation, code, container, template, text, uid as uid_item};
use crate::data_set::DataSet;
use crate::evidence::evidence;
use crate::modules::{Plan, instance, moment, required_content_time};
use crate::subject::Subject;
use crate::{DicomError, Instance, SR, Sources, codes, uid};
pub use predecessor::Predecessor;

/// What tells a structured report from other objects of its document.
const ROLE: &str = "instance";
const CLASS: &str = uids::COMPREHENSIVE3_DSR_STORAGE;

/// Makes the structured report of the document whose bytes have the hash `json_sha256`. `predecessor` is the revision
/// before, if the document names one; without it the object is another one and refers to none.
///
/// # Errors
/// When the images name several patients, or none of them tells whose it is.
pub fn sr(
    report: &Report,
    json_sha256: &Sha256Digest,
    sources: &Sources,
    predecessor: Option<&Predecessor<'_>>,
) -> Result<Instance, DicomError> {
    let subject = Subject::new(report, json_sha256, sources)?;
    let lacks_predecessor = report.provenance.previous_document.is_some() && predecessor.is_none();
    let plan = Plan {
        form: SR,
        sop_class_uid: CLASS,
        modality: "SR",
        series_number: 9001,
        series_description: "AI result, not a diagnosis",
        role: if lacks_predecessor { format!("{ROLE}/alone") } else { ROLE.to_owned() },
        instance_number: 1,
    };
    let predecessor = predecessor.map_or_else(DataSet::new, Predecessor::reference);
    instance(&subject, &plan, document(&subject).and(predecessor).and(tree(&subject)))
}

/// The general part: what the document is, not what it says.
fn document(subject: &Subject<'_>) -> DataSet {
    let report = subject.report;
    let not_read = report.images.iter().filter(|image| image.reading.is_none()).count();
    let lacks_some = report.completeness.as_ref().is_some_and(|completeness| !completeness.complete);
    let (flag, description) = match (not_read, lacks_some) {
        (0, false) => ("COMPLETE", "All images have a reading".to_owned()),
        (0, true) => ("PARTIAL", "Something that was expected is missing".to_owned()),
        _ => ("PARTIAL", format!("{not_read} of {} images have no reading", report.images.len())),
    };
    DataSet::new()
        .text(tags::COMPLETION_FLAG, VR::CS, flag)
        .text(tags::COMPLETION_FLAG_DESCRIPTION, VR::LO, description)
        .text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED")
        .text(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY")
        .items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, [])
        .items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, [])
        .and(required_content_time(subject))
        .and(evidence(subject))
}

/// The root container of the content, which lies in the data set itself.
fn tree(subject: &Subject<'_>) -> DataSet {
    let mut items = vec![code(Relation::ConceptModifier, codes::LANGUAGE, codes::ENGLISH)];
    items.extend(observer(subject));
    items.push(code(Relation::ConceptModifier, codes::PROCEDURE_REPORTED, codes::IMAGING_PROCEDURE));
    items.extend(library::library(subject));
    let groups = groups::groups(subject);
    if !groups.is_empty() {
        items.push(container(codes::MEASUREMENTS, groups));
    }
    items.push(container(codes::QUALITATIVE_EVALUATIONS, remarks::remarks(subject)));
    DataSet::new()
        .text(tags::VALUE_TYPE, VR::CS, "CONTAINER")
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, codes::MEASUREMENT_REPORT)
        .text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE")
        .text(tags::OBSERVATION_DATE_TIME, VR::DT, moment(subject))
        .items(tags::CONTENT_SEQUENCE, items)
        .and(template("1500"))
}

/// TID 1001 and 1004: Hilum at its site. Which model said what stands with each measurement.
fn observer(subject: &Subject<'_>) -> [DataSet; 6] {
    const CONTEXT: Relation = Relation::ObservationContext;
    let site = subject.report.site.as_str();
    [
        code(CONTEXT, codes::OBSERVER_TYPE, codes::DEVICE),
        uid_item(CONTEXT, codes::OBSERVER_UID, &uid::of_site(site)),
        text(CONTEXT, codes::OBSERVER_NAME, "Hilum"),
        text(CONTEXT, codes::OBSERVER_MANUFACTURER, "Hilum"),
        text(CONTEXT, codes::OBSERVER_MODEL, "Hilum"),
        text(CONTEXT, codes::OBSERVER_SERIAL, site),
    ]
}
