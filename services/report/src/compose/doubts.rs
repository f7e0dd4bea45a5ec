//! What makes it doubtful whose the images of a study are.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{JobId, MediaType, Sha256Digest};
use hilum_imaging::PatientField;
use hilum_reports::{Doubt, HeaderField, ImageEntry};

use crate::domain::TakenOut;
use crate::patient_headers::Compared;

/// The doubts of a report with these images, whose headers were compared.
pub(super) fn of(
    Compared { differ, data_sets }: &Compared,
    images: &[ImageEntry],
    taken_out: &[TakenOut],
) -> Vec<Doubt> {
    let fields: Vec<_> = differ.iter().copied().map(field).collect();
    let differ = (!fields.is_empty()).then(|| Doubt::headers_differ(fields));
    let taken_out: Vec<_> = taken_out.iter().map(|image| image.job_id).collect();
    let taken_out = (!taken_out.is_empty()).then(|| Doubt::taken_out(taken_out));
    let of_images = without_patient(images).into_iter().chain(instances_twice(images, data_sets));
    differ.into_iter().chain(of_images).chain(taken_out).collect()
}

fn field(field: PatientField) -> HeaderField {
    match field {
        PatientField::Id => HeaderField::PatientId,
        PatientField::Name => HeaderField::PatientName,
        PatientField::BirthDate => HeaderField::BirthDate,
        PatientField::Sex => HeaderField::Sex,
    }
}

fn numbered(images: &[ImageEntry]) -> impl Iterator<Item = (usize, &ImageEntry)> {
    (1..).zip(images)
}

/// Pictures that name nobody, beside images that do.
fn without_patient(images: &[ImageEntry]) -> Option<Doubt> {
    let pictures = numbered(images).filter(|(_, image)| image.media_type != MediaType::Dicom);
    let pictures: Vec<_> = pictures.map(|(number, image)| (number, image.job_id)).collect();
    (!pictures.is_empty() && pictures.len() < images.len()).then(|| Doubt::without_patient(&pictures))
}

/// Instances that were sent with several contents. The same data set in two files, as one object that came in two ways, is one.
fn instances_twice(images: &[ImageEntry], data_sets: &BTreeMap<Sha256Digest, Sha256Digest>) -> Option<Doubt> {
    let object = |image: &ImageEntry| *data_sets.get(&image.sha256).unwrap_or(&image.sha256);
    let mut instances: BTreeMap<&str, Vec<(usize, &ImageEntry)>> = BTreeMap::new();
    for (number, image) in numbered(images) {
        let uid = image.dicom.as_ref().map_or("", |dicom| dicom.sop_instance_uid.as_str());
        if !uid.is_empty() {
            instances.entry(uid).or_default().push((number, image));
        }
    }
    let shared = |same: &Vec<(usize, &ImageEntry)>| {
        same.iter().map(|(_, image)| object(image)).collect::<BTreeSet<_>>().len() > 1
    };
    let mut twice: Vec<_> = instances.into_values().filter(shared).flatten().collect();
    twice.sort_by_key(|(number, _)| *number);
    let twice: Vec<(usize, JobId)> =
        twice.into_iter().map(|(number, image)| (number, image.job_id)).collect();
    (!twice.is_empty()).then(|| Doubt::instance_twice(&twice))
}
