//! A picture per image that was read, for archives and viewers that show nothing else: Secondary Capture, one frame each,
//! with the result drawn into it. Reads only pictures that Hilum made itself.

mod canvas;
mod face;
mod overlay;
mod page;
mod words;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use hilum_events::Sha256Digest;
use hilum_reports::{Choice, Picture, Pictures, ReadingEntry, Report};

use crate::data_set::DataSet;
use crate::evidence::source;
use crate::modules::{Plan, content_time, instance};
use crate::subject::{Image, Subject};
use crate::{DicomError, Instance, SECONDARY_CAPTURE, Sources};
use canvas::Canvas;

/// Longest side of a picture here, pixels: none that Hilum stores is longer.
const SIDE_MAX_PX: u32 = 512;

/// Images that get a picture, some 115 MB in all: a structured report tells of further ones.
const CAPTURES_MAX: usize = 32;

/// The pictures that [`secondary_captures`] wants of those that the document names.
pub fn choice(report: &Report) -> Choice {
    let mut seen = Vec::new();
    let read = report.images.iter().filter(|image| image.reading.is_some());
    let previews = read.filter_map(|image| image.preview.as_ref()).filter(|preview| {
        let is_new = !seen.contains(&preview.sha256);
        if is_new {
            seen.push(preview.sha256);
        }
        is_new
    });
    Choice::Shown { previews: previews.take(CAPTURES_MAX).cloned().collect(), max_side_px: SIDE_MAX_PX }
}

/// Makes a picture, 1552 pixels of RGB wide and as high as its words need, for each of the first 32 images of the document
/// that were read, one after the other: each takes some 3.6 MB, 6.5 MB at most. An image whose picture is not there gets one
/// that says so, which is another object.
///
/// # Errors
/// When the images name several patients, or none of them tells whose it is.
pub fn secondary_captures<'a>(
    report: &'a Report,
    pictures: &'a Pictures,
    json_sha256: &'a Sha256Digest,
    sources: &'a Sources,
) -> Result<impl Iterator<Item = Result<Instance, DicomError>> + 'a, DicomError> {
    let subject = Subject::new(report, json_sha256, sources)?;
    let images = subject.images();
    let captures = images.into_iter().filter_map(move |image| {
        let reading = image.entry.reading.as_ref()?;
        Some(capture(&subject, &image, reading, pictures))
    });
    Ok(captures.take(CAPTURES_MAX))
}

fn capture(
    subject: &Subject<'_>,
    image: &Image<'_>,
    reading: &ReadingEntry,
    pictures: &Pictures,
) -> Result<Instance, DicomError> {
    let picture = picture_or_reason(image, pictures);
    let shown = match (&picture, &image.entry.preview) {
        (page::PictureOrReason::Shown(_), Some(preview)) => preview.sha256.to_string(),
        _ => "none".to_owned(),
    };
    let plan = Plan {
        form: SECONDARY_CAPTURE,
        sop_class_uid: uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
        modality: "OT",
        series_number: 9002,
        series_description: "AI pictures, not a diagnosis",
        role: format!("image/{}/{shown}", image.number),
        instance_number: image.number,
    };
    let canvas = page::draw(subject, image, reading, &picture);
    let content = DataSet::new()
        .text(tags::CONVERSION_TYPE, VR::CS, "WSD")
        .texts(tags::IMAGE_TYPE, VR::CS, ["DERIVED", "SECONDARY"])
        .text(tags::DERIVATION_DESCRIPTION, VR::ST, derivation(reading))
        .empty(tags::PATIENT_ORIENTATION, VR::CS)
        .empty(tags::LATERALITY, VR::CS)
        .and(content_time(subject))
        .and(pixels(canvas));
    let content = match image.header {
        Some(header) => content.items(tags::SOURCE_IMAGE_SEQUENCE, [source(header)]),
        None => content,
    };
    instance(subject, &plan, content)
}

/// What stands in the place of the picture.
fn picture_or_reason<'a>(image: &'a Image<'_>, pictures: &'a Pictures) -> page::PictureOrReason<'a> {
    let Some(preview) = &image.entry.preview else {
        return page::PictureOrReason::Missing(
            image.entry.preview_missing.as_deref().unwrap_or("none was kept"),
        );
    };
    match pictures.get(&preview.sha256) {
        Some(Picture::Missing { reason }) => page::PictureOrReason::Missing(reason),
        Some(Picture::Shown { png }) => match overlay::grey(png, SIDE_MAX_PX) {
            Some(grey) => page::PictureOrReason::Shown(grey),
            None => page::PictureOrReason::Missing("what was stored as its picture is not one"),
        },
        None => page::PictureOrReason::Missing("it was not fetched"),
    }
}

fn derivation(reading: &ReadingEntry) -> String {
    let untrained =
        if reading.trained { "" } else { " The network was not trained: its numbers mean nothing." };
    format!(
        "At the left a small grey picture of the source with nothing drawn over it, beside it the same with the activation \
         map, at the right the numbers of the network {} {}. Not for diagnosis.{untrained}",
        reading.model.name, reading.model.version
    )
}

fn pixels(canvas: Canvas) -> DataSet {
    let [columns, rows] = [canvas::WIDTH, canvas.height()].map(|side| side as u16);
    DataSet::new()
        .short(tags::SAMPLES_PER_PIXEL, 3)
        .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB")
        .short(tags::PLANAR_CONFIGURATION, 0)
        .short(tags::ROWS, rows)
        .short(tags::COLUMNS, columns)
        .short(tags::BITS_ALLOCATED, 8)
        .short(tags::BITS_STORED, 8)
        .short(tags::HIGH_BIT, 7)
        .short(tags::PIXEL_REPRESENTATION, 0)
        // What was burned into the source shows here too.
        .text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES")
        .bytes(tags::PIXEL_DATA, VR::OB, canvas.into_rgb())
}
