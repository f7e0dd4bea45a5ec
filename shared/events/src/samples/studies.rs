//! Facts of studies, reports, deliveries and the log.

use uuid::Uuid;

use super::images::{image_stored, inference_completed};
use super::story::{at, image, job_id, reading_id, site, study_id};
use crate::{
    DeliveredObject, DeliveryFailed, DeliveryResolved, Envelope, Event, FlagAction, LogLossAccepted,
    LostFact, Matter, Measure, ReportCause, ReportDelivered, ReportIssued, Resolution, Sha256Digest,
    StudyCloseRequested, StudyFlagged, StudyManifestReceived,
};

/// The sender closed the study.
pub fn study_close_requested(request: u128, seconds: i64) -> Envelope {
    let request_id = Uuid::from_u128(request);
    let event = Event::StudyCloseRequested(StudyCloseRequested { study_id: study_id(), request_id });
    Envelope::first(request_id, site(), at(seconds), event)
}

/// Revision `revision` of the report was issued over `jobs`.
pub fn report_issued(revision: u32, jobs: &[u128], seconds: i64) -> Envelope {
    let blob = |text: &str| image(text).blob;
    let event = Event::ReportIssued(ReportIssued {
        study_id: study_id(),
        revision,
        cause: ReportCause::QuietTime,
        json: blob("json"),
        html: None,
        previews: vec![blob("made preview")],
        job_ids: jobs.iter().copied().map(job_id).collect(),
        completed: u32::try_from(jobs.len()).expect("a short story"),
        failed: 0,
        pending: 0,
        complete: true,
        doubts: Vec::new(),
    });
    image_stored(1, "a", seconds).next(at(seconds), event)
}

/// The sender said what the study consists of.
pub fn study_manifest_received(request: u128, images: u32, seconds: i64) -> Envelope {
    let request_id = Uuid::from_u128(request);
    let event = Event::StudyManifestReceived(StudyManifestReceived {
        study_id: study_id(),
        request_id,
        images,
        sha256: vec![Sha256Digest::of(b"a")],
        sop_instance_uids: vec!["2.25.3".to_owned()],
    });
    Envelope::first(request_id, site(), at(seconds), event)
}

/// A rule matched the reading of `content`, claimed by job `number`.
pub fn study_flagged(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::StudyFlagged(StudyFlagged {
        study_id: study_id(),
        rule: "effusion".parse().expect("fits the rule"),
        job_id: job_id(number),
        reading_id: reading_id(content),
        label: "Effusion".to_owned(),
        measure: Measure::OperatingPointScore,
        value: 0.566_7,
        threshold: 0.5,
        actions: vec![FlagAction::RaisePriority, FlagAction::Notify, FlagAction::Worklist],
        targets: vec!["pager".parse().expect("fits the rule")],
        untrained: false,
    });
    inference_completed(number, content, seconds).next(at(seconds), event)
}

/// The target `pacs` took revision `revision` of the report.
pub fn report_delivered(revision: u32, seconds: i64) -> Envelope {
    let event = Event::ReportDelivered(ReportDelivered {
        study_id: study_id(),
        matter: Matter::Report(revision),
        target: "pacs".parse().expect("fits the rule"),
        attempt: 1,
        objects: vec![DeliveredObject {
            form: "dicom-sr".to_owned(),
            sha256: Sha256Digest::of(b"sr"),
            size_bytes: 2,
        }],
        receipt: "C-STORE 0x0000".to_owned(),
        superseded_by: None,
    });
    report_issued(revision, &[1, 2], seconds).next(at(seconds), event)
}

/// The target `pacs` did not take revision `revision` of the report.
pub fn delivery_failed(revision: u32, seconds: i64) -> Envelope {
    let event = Event::DeliveryFailed(DeliveryFailed {
        study_id: study_id(),
        matter: Matter::Report(revision),
        target: "pacs".parse().expect("fits the rule"),
        attempt: 1,
        consumer: "deliver-pacs".to_owned(),
        stream_seq: 9,
        tries: 10,
        reason: "the PACS refused the association".to_owned(),
    });
    report_issued(revision, &[1, 2], seconds).next(at(seconds), event)
}

/// An operator decided what becomes of the failed delivery of revision `revision` to `pacs`.
pub fn delivery_resolved(revision: u32, resolution: Resolution, seconds: i64) -> Envelope {
    let event = Event::DeliveryResolved(DeliveryResolved {
        study_id: study_id(),
        matter: Matter::Report(revision),
        target: "pacs".parse().expect("fits the rule"),
        attempt: 1,
        resolution,
        by: "operator".to_owned(),
        why: "the PACS was replaced".to_owned(),
    });
    delivery_failed(revision, seconds).next(at(seconds), event)
}

/// Somebody accepted the loss of these positions; of the first it is known that the image of job 7 stood there.
pub fn log_loss_accepted(first_seq: u64, last_seq: u64, seconds: i64) -> Envelope {
    let stored = LostFact {
        seq: first_seq,
        event: "image-stored".to_owned(),
        job_id: Some(job_id(7)),
        reading_id: None,
        study_id: Some(study_id()),
    };
    let event = Event::LogLossAccepted(LogLossAccepted {
        first_seq,
        last_seq,
        by: "operator".to_owned(),
        why: "the disk of the only server has a bad block".to_owned(),
        lost: vec![stored],
    });
    let origin = LogLossAccepted::origin("2026-01-01", first_seq);
    Envelope::first(origin, LogLossAccepted::site(), at(seconds), event)
}
