//! One whole story with fixed ids, for golden bytes, documentation and the tests of the services. Its values
//! are made up; it is not used at run time.

mod images;
mod story;
mod studies;

use crate::{Envelope, Resolution};

pub use images::{
    dead_letter_resolved, duplicate_linked, failed_reading_redriven, image_stored, image_taken_out,
    inference_completed, inference_failed, inference_requested, job_dead_lettered,
};
pub use story::{at, image, job_id, model, reader, reading_id, site, study_id};
pub use studies::{
    delivery_failed, delivery_resolved, log_loss_accepted, report_delivered, report_issued,
    study_close_requested, study_flagged, study_manifest_received,
};

/// One of each event, in an order that can happen.
pub fn one_of_each() -> Vec<Envelope> {
    vec![
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        duplicate_linked(2, 1, "a", 2),
        inference_completed(1, "a", 3),
        inference_failed(3, "b", 4),
        job_dead_lettered(4, "c", 5),
        dead_letter_resolved(4, "c", Resolution::Redrive, 6),
        study_close_requested(9, 6),
        study_manifest_received(10, 2, 6),
        study_flagged(1, "a", 6),
        report_issued(1, &[1, 2], 7),
        report_delivered(1, 8),
        delivery_failed(2, 9),
        delivery_resolved(2, Resolution::Redrive, 10),
        log_loss_accepted(5, 6, 11),
        image_taken_out(2, 12),
    ]
}
