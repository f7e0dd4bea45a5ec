//! The images of a report as imaging studies: one for each DICOM study that they belong to, and one for all images that
//! are not DICOM. Only what Hilum was sent is named; the studies may have more.

use std::collections::BTreeSet;

use hilum_events::DicomIdentity;
use serde::Serialize;

use super::request::Request;
use super::types::{Annotation, Coding, Identifier, Reference, annotations};
use crate::document::{ImageEntry, Report};
use crate::identity;

/// The name of the resource.
pub(super) const TYPE: &str = "ImagingStudy";
const MODALITIES: &str = "http://dicom.nema.org/resources/ontology/DCM";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImagingStudy {
    #[serde(skip)]
    pub(super) place: String,
    pub(super) identifier: Vec<Identifier>,
    /// Whether it is a DICOM study.
    #[serde(skip)]
    is_dicom: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    modality: Vec<Coding>,
    subject: Reference,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    note: Vec<Annotation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<Series>,
}

#[derive(Debug, Serialize)]
struct Series {
    uid: String,
    modality: Coding,
    instance: Vec<Instance>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    uid: String,
    sop_class: Coding,
}

/// The studies in the order of their first images.
pub(super) fn of(report: &Report) -> Vec<ImagingStudy> {
    let mut seen = BTreeSet::new();
    let uids = report.images.iter().map(study_uid).filter(|uid| seen.insert(*uid));
    uids.map(|uid| imaging_study(report, uid)).collect()
}

impl ImagingStudy {
    /// A DICOM study is the archive's, which may have told the server of it, with its patient: that is left as it is and
    /// referred to. Ours stands in for it only where there is none.
    pub(super) fn request(&self) -> Request {
        match self.is_dicom {
            true => Request::create(TYPE, &self.identifier),
            false => Request::update(TYPE, &self.identifier),
        }
    }
}

/// The place of the study that an image belongs to.
pub(super) fn place(report: &Report, image: &ImageEntry) -> String {
    place_of(report, study_uid(image))
}

fn place_of(report: &Report, uid: Option<&str>) -> String {
    let what = match uid {
        Some(uid) => format!("fhir/imaging-study/{uid}"),
        None => "fhir/imaging-study".to_owned(),
    };
    identity::of_study(report.study_id, &what).to_string()
}

fn study_uid(image: &ImageEntry) -> Option<&str> {
    image.dicom.as_ref().map(|dicom| dicom.study_instance_uid.as_str())
}

/// `uid` names the DICOM study; without one it is that of the images that are not DICOM.
fn imaging_study(report: &Report, uid: Option<&str>) -> ImagingStudy {
    let images: Vec<&ImageEntry> = report.images.iter().filter(|image| study_uid(image) == uid).collect();
    let instances: Vec<&DicomIdentity> = images.iter().filter_map(|image| image.dicom.as_ref()).collect();
    let (identifier, note) = match uid {
        Some(uid) => (Identifier::dicom(uid), None),
        None => {
            let note =
                format!("Images of the report that are not DICOM, and have no series: {}.", images.len());
            (Identifier::uuid(report.study_id.as_uuid()), Some(note))
        }
    };
    let mut modalities: Vec<&str> = instances.iter().filter_map(|dicom| dicom.modality.as_deref()).collect();
    modalities.sort_unstable();
    modalities.dedup();
    ImagingStudy {
        place: place_of(report, uid),
        identifier: vec![identifier],
        is_dicom: uid.is_some(),
        status: "available",
        modality: modalities.into_iter().map(|code| modality(Some(code))).collect(),
        // R4 wants a subject. None is made up.
        subject: Reference {
            resource_type: Some("Patient"),
            display: Some("not known to Hilum".to_owned()),
            ..Reference::default()
        },
        note: annotations(note),
        series: series(&instances),
    }
}

fn series(instances: &[&DicomIdentity]) -> Vec<Series> {
    let mut seen = BTreeSet::new();
    let firsts = instances.iter().filter(|dicom| seen.insert(dicom.series_instance_uid.as_str()));
    firsts
        .map(|first| {
            let uid = &first.series_instance_uid;
            let of_series = instances.iter().filter(|dicom| dicom.series_instance_uid == *uid);
            let mut uids = BTreeSet::new();
            let once = of_series.clone().filter(|dicom| uids.insert(dicom.sop_instance_uid.as_str()));
            Series {
                uid: uid.clone(),
                modality: modality(of_series.clone().find_map(|dicom| dicom.modality.as_deref())),
                instance: once.map(|dicom| instance(dicom)).collect(),
            }
        })
        .collect()
}

/// R4 wants the SOP class. The document does not say it, and it is not guessed.
fn instance(dicom: &DicomIdentity) -> Instance {
    Instance { uid: dicom.sop_instance_uid.clone(), sop_class: Coding::unknown("not recorded by Hilum") }
}

fn modality(code: Option<&str>) -> Coding {
    match code {
        Some(code) => Coding { system: Some(MODALITIES), code: Some(code.to_owned()), display: None },
        None => Coding::unknown("not named in the image"),
    }
}
