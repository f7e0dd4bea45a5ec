//! One whole story with fixed ids, for golden bytes, documentation and the tests of the services. Its values
//! are made up; it is not used at run time.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    ActivationMap, AnalysedRegion, BlobRef, DeadLetterResolved, DeliveredObject, DeliveryFailed,
    DeliveryResolved, DicomIdentity, DuplicateLinked, EngineIdentity, Envelope, Event, Finding, FlagAction,
    ImageStored, ImageTakenOut, InferenceCompleted, InferenceFailed, InferenceRequested, JobDeadLettered,
    JobId, LogLossAccepted, LostFact, Matter, Measure, MediaType, ModelIdentity, Notice, Priority,
    ReaderIdentity, ReadingId, ReadingTimes, ReportCause, ReportDelivered, ReportIssued, Resolution,
    Sha256Digest, Site, StoredImage, StudyCloseRequested, StudyFlagged, StudyId, StudyManifestReceived,
};

/// The job with this number.
pub fn job_id(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// The site of the story.
pub fn site() -> Site {
    Site::default()
}

/// The study of the story.
pub fn study_id() -> StudyId {
    StudyId::named(&site(), "S-1")
}

/// 2026-01-01T00:00:00Z plus `seconds`.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("in range") + SignedDuration::from_secs(seconds)
}

fn blob(content: &str) -> BlobRef {
    let sha256 = Sha256Digest::of(content.as_bytes());
    BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: content.len() as u64 }
}

/// An image whose content is `content`.
pub fn image(content: &str) -> StoredImage {
    StoredImage {
        blob: blob(content),
        media_type: MediaType::Dicom,
        dicom: Some(DicomIdentity {
            study_instance_uid: "2.25.1".to_owned(),
            series_instance_uid: "2.25.2".to_owned(),
            sop_instance_uid: "2.25.3".to_owned(),
            modality: Some("CR".to_owned()),
            transfer_syntax_uid: "1.2.840.10008.1.2.1".to_owned(),
            rows: 524,
            columns: 640,
        }),
    }
}

/// A model.
pub fn model() -> ModelIdentity {
    ModelIdentity {
        name: "densenet121-demo".to_owned(),
        version: "1".to_owned(),
        weights_sha256: Sha256Digest::of(b"weights"),
        preprocessing_id: "xrv-skimage-224-1".to_owned(),
        trained: false,
    }
}

/// Who reads.
pub fn reader() -> ReaderIdentity {
    ReaderIdentity { release: "0.1.0".to_owned(), model: model(), rules_sha256: Sha256Digest::of(b"rules") }
}

/// The reading of `content` by [`model`].
pub fn reading_id(content: &str) -> ReadingId {
    ReadingId::of(&Sha256Digest::of(content.as_bytes()), "densenet121-demo@1")
}

/// Job `number` brought `content`, `seconds` into the story.
pub fn image_stored(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::ImageStored(ImageStored {
        job_id: job_id(number),
        study_id: study_id(),
        study_ref: Some("S-1".parse().expect("fits the rule")),
        image: image(content),
        priority: Priority::Routine,
        series: vec!["frontal".parse().expect("fits the rule")],
        expected_images: None,
        prior_study_id: None,
    });
    Envelope::first(job_id(number).as_uuid(), site(), at(seconds), event)
}

/// The reading of `content` was requested for job `number`.
pub fn inference_requested(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::InferenceRequested(InferenceRequested {
        reading_id: reading_id(content),
        job_id: job_id(number),
        study_id: study_id(),
        image: image(content),
        model: model(),
        priority: Priority::Routine,
        attempt: 1,
        retried_for: None,
    });
    image_stored(number, content, seconds).next(at(seconds), event)
}

/// Job `number` shares the reading of `content` that job `primary` claimed.
pub fn duplicate_linked(number: u128, primary: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::DuplicateLinked(DuplicateLinked {
        job_id: job_id(number),
        study_id: study_id(),
        reading_id: reading_id(content),
        primary_job_id: job_id(primary),
    });
    image_stored(number, content, seconds).next(at(seconds), event)
}

/// The reading of `content`, claimed by job `number`, was made.
pub fn inference_completed(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::InferenceCompleted(InferenceCompleted {
        reading_id: reading_id(content),
        job_id: job_id(number),
        findings: vec![
            Finding {
                label: "Effusion".to_owned(),
                logit: -1.25,
                probability: 0.222_700_14,
                operating_point_score: Some(0.566_7),
            },
            Finding {
                label: "Mass".to_owned(),
                logit: -3.5,
                probability: 0.029_312_23,
                operating_point_score: None,
            },
        ],
        activation_maps: vec![ActivationMap {
            label: "Effusion".to_owned(),
            rows: 7,
            columns: 7,
            values: (0_u8..49).map(|cell| f32::from(cell) / 8.0).collect(),
        }],
        region: AnalysedRegion { picture_width: 640, picture_height: 524, x: 58, y: 0, side: 524 },
        pixel_digest: Sha256Digest::of(b"pixels"),
        model: model(),
        engine: EngineIdentity {
            engine: "tch".to_owned(),
            version: "2.13.0".to_owned(),
            precision: "fp32".to_owned(),
            device: "cpu".to_owned(),
        },
        times: ReadingTimes { fetch_ms: 1.0, decode_ms: 6.0, preprocess_ms: 7.0, forward_ms: 40.0 },
        notices: vec![Notice { code: "other_view".to_owned(), text: "the view is not PA or AP".to_owned() }],
        reused_from: Some(reading_id("other file")),
        preview: Some(blob("preview")),
    });
    inference_requested(number, content, seconds).next(at(seconds), event)
}

/// The reading of `content`, claimed by job `number`, can't be made.
pub fn inference_failed(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::InferenceFailed(InferenceFailed {
        reading_id: reading_id(content),
        job_id: job_id(number),
        attempt: 1,
        code: "truncated".to_owned(),
        reason: "the file ends before its picture does; send it again".to_owned(),
        reader: None,
    });
    inference_requested(number, content, seconds).next(at(seconds), event)
}

/// The reading of `content`, claimed by job `number`, was given up.
pub fn job_dead_lettered(number: u128, content: &str, seconds: i64) -> Envelope {
    let event = Event::JobDeadLettered(JobDeadLettered {
        job_id: job_id(number),
        reading_id: Some(reading_id(content)),
        consumer: "infer-routine".to_owned(),
        stream_seq: 2,
        deliveries: 5,
        reason: "the object in storage does not match its hash".to_owned(),
    });
    inference_requested(number, content, seconds).next(at(seconds), event)
}

/// An operator decided what becomes of the dead letter of job `number`.
pub fn dead_letter_resolved(number: u128, content: &str, resolution: Resolution, seconds: i64) -> Envelope {
    let event = Event::DeadLetterResolved(DeadLetterResolved {
        job_id: job_id(number),
        reading_id: Some(reading_id(content)),
        consumer: "infer-routine".to_owned(),
        stream_seq: 2,
        resolution,
        by: "operator".to_owned(),
        why: "storage was restored".to_owned(),
    });
    job_dead_lettered(number, content, seconds).next(at(seconds), event)
}

/// An operator wants the failed reading of job `number`, which was asked for at position `stream_seq`, tried again.
pub fn failed_reading_redriven(number: u128, content: &str, stream_seq: u64, seconds: i64) -> Envelope {
    let event = Event::DeadLetterResolved(DeadLetterResolved {
        job_id: job_id(number),
        reading_id: Some(reading_id(content)),
        consumer: "infer-routine".to_owned(),
        stream_seq,
        resolution: Resolution::Redrive,
        by: "operator".to_owned(),
        why: "the decoder was mended".to_owned(),
    });
    inference_failed(number, content, seconds).next(at(seconds), event)
}

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

/// The image of job `number` was taken out of the study.
pub fn image_taken_out(number: u128, seconds: i64) -> Envelope {
    let event = Event::ImageTakenOut(ImageTakenOut {
        job_id: job_id(number),
        study_id: study_id(),
        by: "operator".to_owned(),
        why: "sent with the wrong study".to_owned(),
    });
    image_stored(number, "a", seconds).next(at(seconds), event)
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
