//! What is written beside a picture.

use hilum_events::Finding;
use hilum_reports::{Missing, ReadingEntry, sentences};

use crate::codes::spoken;
use crate::subject::{Image, Subject};

/// Images that are named one by one.
const NAMED: usize = 12;

/// Such as `Image 1 of 4`.
pub(super) fn image(subject: &Subject<'_>, image: &Image<'_>) -> String {
    format!("Image {} of {}", image.number, subject.report.images.len())
}

/// Such as `Same content as images 2, 3.`
pub(super) fn again(image: &Image<'_>) -> Option<String> {
    let again = image.again.as_slice();
    (!again.is_empty()).then(|| format!("Same content as {}.", numbers(again)))
}

/// How many of how many images have a reading, and which have none.
pub(super) fn readings(subject: &Subject<'_>) -> String {
    let images = &subject.report.images;
    let without = (1..).zip(images).filter(|(_, image)| image.reading.is_none());
    let without: Vec<usize> = without.map(|(number, _)| number).collect();
    let read = format!("Images with a reading: {} of {}.", images.len() - without.len(), images.len());
    match without.as_slice() {
        [] => read,
        without => format!("{read} Without a reading: {}.", numbers(without)),
    }
}

/// What was expected and is missing: an image without an outcome stands among those without a reading.
pub(super) fn missing(subject: &Subject<'_>) -> Vec<String> {
    let missing = subject.report.completeness.iter().flat_map(|completeness| &completeness.missing);
    missing.filter(|missing| !matches!(missing, Missing::Outcome { .. })).map(sentences::lack).collect()
}

/// Such as `image 1` or `images 2, 3 and 7 more`.
fn numbers(images: &[usize]) -> String {
    let noun = if images.len() == 1 { "image" } else { "images" };
    let (named, further) = images.split_at(images.len().min(NAMED));
    let named = named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match further.len() {
        0 => format!("{noun} {named}"),
        further => format!("{noun} {named} and {further} more"),
    }
}

/// Which report it is.
pub(super) fn report(subject: &Subject<'_>) -> String {
    let report = subject.report;
    let as_of = report.local_time(report.as_of);
    format!("Study {}, revision {}, as of {as_of}", report.study_name(), report.revision)
}

/// What made the numbers.
pub(super) fn model(reading: &ReadingEntry) -> String {
    let model = &reading.model;
    format!("Network {} {}, weights {}", model.name, model.version, short(&model.weights_sha256.to_string()))
}

/// Where the whole report is.
pub(super) fn document(subject: &Subject<'_>) -> String {
    format!("Report document {}", short(&subject.json_sha256.to_string()))
}

/// The three columns of a finding.
pub(super) fn finding(finding: &Finding) -> [String; 3] {
    let score = finding.operating_point_score.map_or_else(|| "–".to_owned(), |score| format!("{score:.2}"));
    [spoken(&finding.label), score, format!("{:.3}", finding.probability)]
}

/// Enough of a hash to find it.
fn short(hash: &str) -> String {
    hash.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_images_are_named_and_the_rest_is_counted() {
        let of = |count: usize| numbers(&(1..=count).collect::<Vec<_>>());
        assert_eq!(of(1), "image 1");
        assert_eq!(of(3), "images 1, 2, 3");
        assert_eq!(of(12), "images 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12");
        assert_eq!(of(199), "images 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 187 more");
    }
}
