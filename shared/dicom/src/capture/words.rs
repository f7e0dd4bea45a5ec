//! What is written beside a picture.

use hilum_events::Finding;
use hilum_reports::ReadingEntry;

use crate::codes::spoken;
use crate::subject::{Image, Subject};

/// Such as `Image 1 of 4 (same content as image 2)`.
pub(super) fn image(subject: &Subject<'_>, image: &Image<'_>) -> String {
    let again: Vec<_> = image.again.iter().map(ToString::to_string).collect();
    let again = if again.is_empty() {
        String::new()
    } else {
        format!(" (same content as image {})", again.join(", "))
    };
    format!("Image {} of {}{again}", image.number, subject.report.images.len())
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
