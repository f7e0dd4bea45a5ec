//! Facts of images and readings.

use super::story::{at, blob, image, job_id, model, reading_id, site, study_id};
use crate::{
    ActivationMap, AnalysedRegion, DeadLetterResolved, DuplicateLinked, EngineIdentity, Envelope, Event,
    Finding, ImageStored, ImageTakenOut, InferenceCompleted, InferenceFailed, InferenceRequested,
    JobDeadLettered, Notice, Priority, ReadingTimes, Resolution, Sha256Digest,
};

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
        source: None,
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
