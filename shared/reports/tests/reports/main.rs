//! The forms of a report as readers that are not ours take them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod doubts;
mod fhir;
mod golden;
mod hl7;
mod pdf;
mod schema;

use hilum_reports::{Report, check, samples};

/// The story's report as a trained network would have made it.
fn trained() -> Report {
    let mut report = samples::revised();
    for model in &mut report.models {
        (model.identity.trained, model.notice) = (true, None);
    }
    for reading in report.images.iter_mut().filter_map(|image| image.reading.as_mut()) {
        reading.trained = true;
    }
    check(&report).unwrap();
    report
}
