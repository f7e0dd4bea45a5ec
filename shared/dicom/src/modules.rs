//! The modules that all objects of a report share: patient, study, series, equipment, SOP common.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use hilum_imaging::HeaderText;
use hilum_reports::identity::{of_device, oid};
use hilum_reports::{Form, ModelEntry, ModelKey};
use hilum_zones::UtcOffset;
use jiff::civil::DateTime;

use crate::data_set::DataSet;
use crate::subject::Subject;
use crate::{DicomError, Instance, codes};

/// What makes one object: its class, the series it is in, and its UIDs' roles.
pub(crate) struct Plan<'a> {
    pub(crate) form: Form,
    pub(crate) sop_class_uid: &'static str,
    pub(crate) modality: &'a str,
    /// The number of its series in the first revision: archives sort by it, and it is far from those of the images' own series.
    pub(crate) series_number: u32,
    /// What it is: in at most 31 characters, so that what follows is never cut off.
    pub(crate) series_description: &'a str,
    /// Tells it from other objects of the same form and document.
    pub(crate) role: String,
    pub(crate) instance_number: usize,
}

/// Between the series numbers of one revision and the next.
const FORMS: u32 = 10;
/// An integer string holds no larger one.
const SERIES_NUMBER_MAX: u32 = i32::MAX as u32;

/// The series of the objects of one form and document.
pub(crate) fn series_uid(subject: &Subject<'_>, form: Form) -> String {
    subject.uid(form, "series")
}

/// The file with `content` beside the shared modules.
pub(crate) fn instance(
    subject: &Subject<'_>,
    plan: &Plan<'_>,
    content: DataSet,
) -> Result<Instance, DicomError> {
    let sop_instance_uid = subject.uid(plan.form, &plan.role);
    let series_instance_uid = series_uid(subject, plan.form);
    let revision = subject.report.revision;
    let incomplete = if subject.is_incomplete() { ", INCOMPLETE" } else { "" };
    let description = format!("{}{incomplete}, revision {revision}", plan.series_description);
    let number = revision.saturating_sub(1).saturating_mul(FORMS).saturating_add(plan.series_number);
    let series = DataSet::new()
        .text(tags::MODALITY, VR::CS, plan.modality)
        .text(tags::SERIES_INSTANCE_UID, VR::UI, &series_instance_uid)
        .text(tags::SERIES_NUMBER, VR::IS, number.min(SERIES_NUMBER_MAX).to_string())
        .text(tags::SERIES_DESCRIPTION, VR::LO, description)
        .text(tags::INSTANCE_NUMBER, VR::IS, plan.instance_number.to_string());
    let data_set = content
        .and(patient(subject))
        .and(study(subject))
        .and(series)
        .and(equipment(subject, plan.form))
        .and(common(subject, plan, &sop_instance_uid));
    Ok(Instance {
        sop_class_uid: plan.sop_class_uid,
        file: data_set.file(plan.sop_class_uid, &sop_instance_uid, &subject.character_set())?,
        sop_instance_uid,
        series_instance_uid,
        study_instance_uid: subject.study_instance_uid(),
    })
}

/// The patient of the images. Where they have no patient's number the study gets one of its own.
fn patient(subject: &Subject<'_>) -> DataSet {
    let copied = |text: Option<&HeaderText>, data_set: DataSet, tag, vr| match text {
        Some(text) if !text.is_empty() => data_set.copied(tag, vr, text.as_bytes()),
        _ => data_set.empty(tag, vr),
    };
    let header = subject.header;
    let plain = |text: Option<&String>| text.cloned().unwrap_or_default();
    let data_set = copied(header.map(|it| &it.patient_name), DataSet::new(), tags::PATIENT_NAME, VR::PN);
    let data_set = data_set
        .text(tags::PATIENT_BIRTH_DATE, VR::DA, plain(header.map(|it| &it.patient_birth_date)))
        .text(tags::PATIENT_SEX, VR::CS, plain(header.map(|it| &it.patient_sex)));
    let Some(header) = header.filter(|it| !it.patient_id.is_empty()) else {
        // An archive would file all studies without a number under one patient.
        return data_set.text(tags::PATIENT_ID, VR::LO, format!("HILUM-{}", subject.report.study_id)).text(
            tags::ISSUER_OF_PATIENT_ID,
            VR::LO,
            "HILUM",
        );
    };
    let data_set = data_set.copied(tags::PATIENT_ID, VR::LO, header.patient_id.as_bytes());
    match &header.issuer_of_patient_id {
        issuer if issuer.is_empty() => data_set,
        issuer => data_set.copied(tags::ISSUER_OF_PATIENT_ID, VR::LO, issuer.as_bytes()),
    }
}

fn study(subject: &Subject<'_>) -> DataSet {
    let header = subject.header;
    let texts = [
        (tags::ACCESSION_NUMBER, VR::SH, header.map(|it| &it.accession_number)),
        (tags::STUDY_ID, VR::SH, header.map(|it| &it.study_id)),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, header.map(|it| &it.referring_physician_name)),
    ];
    let data_set = texts.into_iter().fold(DataSet::new(), |data_set, (tag, vr, text)| match text {
        Some(text) if !text.is_empty() => data_set.copied(tag, vr, text.as_bytes()),
        _ => data_set.empty(tag, vr),
    });
    let plain = |text: Option<&String>| text.cloned().unwrap_or_default();
    let data_set = data_set
        .text(tags::STUDY_INSTANCE_UID, VR::UI, subject.study_instance_uid())
        .text(tags::STUDY_DATE, VR::DA, plain(header.map(|it| &it.study_date)))
        .text(tags::STUDY_TIME, VR::TM, plain(header.map(|it| &it.study_time)));
    match header.map(|it| &it.study_description).filter(|description| !description.is_empty()) {
        Some(description) => data_set.copied(tags::STUDY_DESCRIPTION, VR::LO, description.as_bytes()),
        None => data_set,
    }
}

/// Hilum, and the models as devices that contributed.
fn equipment(subject: &Subject<'_>, form: Form) -> DataSet {
    let data_set = DataSet::new()
        .text(tags::MANUFACTURER, VR::LO, "Hilum")
        .text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Hilum")
        .text(tags::DEVICE_SERIAL_NUMBER, VR::LO, subject.report.site.as_str())
        .text(tags::SOFTWARE_VERSIONS, VR::LO, format!("{} {}", form.name, form.version));
    match subject.report.models.as_slice() {
        // The standard knows no empty one.
        [] => data_set,
        models => data_set.items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, models.iter().map(contribution)),
    }
}

/// A model as a device. One that was trained again is another device.
fn contribution(model: &ModelEntry) -> DataSet {
    let identity = &model.identity;
    let trained = if identity.trained { "" } else { ". It was not trained: its numbers mean nothing" };
    let description = format!(
        "Read the images. Weights SHA-256 {}, preprocessing {}{trained}",
        identity.weights_sha256, identity.preprocessing_id
    );
    DataSet::new()
        .code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::PROCESSING_EQUIPMENT)
        .text(tags::MANUFACTURER, VR::LO, "not stated by the model")
        .text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &identity.name)
        .text(tags::SOFTWARE_VERSIONS, VR::LO, &identity.version)
        .text(tags::DEVICE_UID, VR::UI, oid(of_device(&ModelKey::of(identity))))
        .text(tags::CONTRIBUTION_DESCRIPTION, VR::ST, description)
}

fn common(subject: &Subject<'_>, plan: &Plan<'_>, sop_instance_uid: &str) -> DataSet {
    let report = subject.report;
    let data_set = DataSet::new().text(tags::SOP_CLASS_UID, VR::UI, plan.sop_class_uid).text(
        tags::SOP_INSTANCE_UID,
        VR::UI,
        sop_instance_uid,
    );
    let data_set = match subject.clock.shows(report, report.as_of) {
        Some(made) => data_set
            .text(tags::INSTANCE_CREATION_DATE, VR::DA, date(made))
            .text(tags::INSTANCE_CREATION_TIME, VR::TM, time(made))
            .text(tags::SERIES_DATE, VR::DA, date(made))
            .text(tags::SERIES_TIME, VR::TM, time(made)),
        None => data_set,
    };
    match subject.clock.stated() {
        Some(offset) => data_set.text(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, offset),
        None => data_set,
    }
}

/// When the content was made: when the analysis began. Empty where no clock is known on which to tell it.
pub(crate) fn content_time(subject: &Subject<'_>) -> DataSet {
    match subject.clock.shows(subject.report, subject.began_at()) {
        Some(began) => content_at(began),
        None => DataSet::new().empty(tags::CONTENT_DATE, VR::DA).empty(tags::CONTENT_TIME, VR::TM),
    }
}

/// As [`content_time`] for objects that must have it, in UTC where no clock is known.
pub(crate) fn required_content_time(subject: &Subject<'_>) -> DataSet {
    let began = subject.began_at();
    let shown = subject.clock.shows(subject.report, began);
    content_at(shown.unwrap_or_else(|| UtcOffset::UTC.local(began)))
}

fn content_at(at: DateTime) -> DataSet {
    DataSet::new().text(tags::CONTENT_DATE, VR::DA, date(at)).text(tags::CONTENT_TIME, VR::TM, time(at))
}

/// Such as `20260101`.
fn date(at: DateTime) -> String {
    at.strftime("%Y%m%d").to_string()
}

/// Such as `000007.123456`.
fn time(at: DateTime) -> String {
    at.strftime("%H%M%S%.6f").to_string()
}

/// The time of the report's state, with an offset of its own.
pub(crate) fn moment(subject: &Subject<'_>) -> String {
    subject.clock.moment(subject.report, subject.report.as_of)
}
