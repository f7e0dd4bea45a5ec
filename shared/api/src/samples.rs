//! An answer of each kind, made of the story of [`hilum_events::samples`]: the examples of the description. Its values are made
//! up; it is not used at run time.

use hilum_events::samples::{
    at, image, inference_completed, job_id, log_loss_accepted, reading_id, site, study_id,
};
use hilum_events::{
    DeliveryTarget, Event, FlagAction, InferenceCompleted, LogLossAccepted, Measure, Notice, Priority,
    ReportCause, RuleName, StudyRef,
};
use uuid::Uuid;

use crate::{
    Accepted, DeadLetter, DeadLetterList, DeadLetterStory, Decided, Decision, Delivery, DeliveryState, Flag,
    FlaggedStudy, Job, JobList, JobResult, JobStatus, JobStep, JobWithHistory, Latency, LetterState,
    LoggedEvent, LossAcceptance, Losses, Manifest, Missing, OpsMetrics, ParkedMessage, PartReadiness,
    Positions, ProjectionPosition, Queue, Readiness, ReportRevision, Retried, StackReadiness, Study,
    StudyNoted, StudySummary, TakeOutDecided, Try, Worklist,
};

const BY: &str = "ada@radiology";
const WHY: &str = "storage was restored";

/// A completed job.
pub fn job() -> Job {
    Job {
        job_id: job_id(1),
        status: JobStatus::Completed,
        created_at: at(0),
        site: site(),
        study_id: study_id(),
        study_ref: Some(study_ref()),
        sha256: image("a").blob.sha256,
        size_bytes: 671_744,
        media_type: "application/dicom".to_owned(),
        priority: Priority::Routine,
        reading_id: Some(reading_id("a")),
        duplicate_of: None,
        started_at: Some(at(1)),
        ended_at: Some(at(2)),
        reason: None,
        reason_code: None,
        waits_for: None,
        failed_by: None,
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
    }
}

/// The same with its steps.
pub fn job_with_history() -> JobWithHistory {
    let step = |seq, event: &str, seconds| JobStep {
        seq,
        event: event.to_owned(),
        at: at(seconds),
        resolution: None,
    };
    let history = vec![
        step(7, "image-stored", 0),
        step(8, "inference-requested", 1),
        step(9, "inference-completed", 2),
    ];
    JobWithHistory { job: job(), history, losses: Vec::new() }
}

/// A page of jobs.
pub fn job_list() -> JobList {
    JobList { jobs: vec![job()], next: Some(job_id(1)) }
}

/// What a model says of an image.
pub fn job_result() -> JobResult {
    JobResult::of(job_id(1), None, reading())
}

/// An upload of content that was read before.
pub fn accepted() -> Accepted {
    Accepted {
        job_id: job_id(2),
        status: JobStatus::Completed,
        sha256: image("a").blob.sha256,
        study_id: study_id(),
        site: site(),
        duplicate_of: Some(job_id(1)),
        result: Some(JobResult::of(job_id(2), Some(job_id(1)), reading())),
    }
}

/// What a study consists of.
pub fn manifest() -> Manifest {
    Manifest {
        images: 2,
        sha256: [image("a").blob.sha256, image("b").blob.sha256].into(),
        sop_instance_uids: Default::default(),
    }
}

/// What a sender says of a study was noted.
pub fn study_noted() -> StudyNoted {
    StudyNoted { study_id: study_id() }
}

/// A study with an incomplete report.
pub fn study() -> Study {
    let report = ReportRevision {
        revision: 1,
        issued_at: at(60),
        cause: ReportCause::TimeLimit,
        completed: 1,
        failed: 0,
        pending: 0,
        complete: false,
        doubts: doubts(),
        missing: Some(vec![Missing::Images { expected: 2, arrived: 1 }]),
    };
    let delivery = Delivery {
        matter: "report-1".to_owned(),
        target: target(),
        state: DeliveryState::Delivered,
        attempt: 1,
        at: at(61),
        receipt: Some("HTTP 201".to_owned()),
        objects: None,
        tries: None,
        reason: None,
        resolved_by: None,
        resolved_why: None,
    };
    Study {
        summary: study_summary(),
        jobs: vec![job()],
        next: None,
        reports: vec![report],
        flags: vec![flag()],
        deliveries: vec![delivery],
        losses: Vec::new(),
        taken_out: Vec::new(),
    }
}

/// A page of the worklist.
pub fn worklist() -> Worklist {
    Worklist {
        studies: vec![FlaggedStudy { study: study_summary(), flags: vec![flag()], doubts: doubts() }],
        next: Some(12),
    }
}

/// Work that was given up.
pub fn dead_letter() -> DeadLetter {
    DeadLetter {
        id: 42,
        job_id: Some(job_id(1)),
        study_id: None,
        matter: None,
        target: None,
        attempt: None,
        reading_id: Some(reading_id("a")),
        site: site(),
        service: "infer".to_owned(),
        consumer: "infer-routine".to_owned(),
        stream_seq: 8,
        tries: 4,
        reason: "cannot fetch the image: timed out".to_owned(),
        at: at(30),
        state: LetterState::Open,
        resolved_by: None,
        resolved_why: None,
        resolved_at: None,
    }
}

/// A page of such work.
pub fn dead_letter_list() -> DeadLetterList {
    DeadLetterList { dead_letters: vec![dead_letter()], next: None, unreadable: 0 }
}

/// Its whole story.
pub fn dead_letter_story() -> DeadLetterStory {
    let event = LoggedEvent {
        causation_id: Some(Uuid::from_u128(3)),
        correlation_id: job_id(1).as_uuid(),
        event_id: hilum_events::samples::inference_requested(1, "a", 1).event_id,
        name: "inference-requested".to_owned(),
        occurred_at: at(1),
        payload: serde_json::json!({ "reading_id": reading_id("a") }),
        site: site(),
    };
    let parked = ParkedMessage {
        subject: "evt.inference-requested.default".to_owned(),
        headers: [("hilum-version".to_owned(), "1".to_owned())].into(),
        payload_size: 512,
        event: Some(event),
        payload_base64: None,
        unreadable: None,
        tries: vec![Try {
            at: at(29),
            deliveries: 1,
            errors: vec!["cannot fetch the image".to_owned(), "timed out".to_owned()],
            service_version: "0.1.0".to_owned(),
            times: 4,
        }],
        trace_id: None,
        service_version: "0.1.0".to_owned(),
        parked_at: at(30),
    };
    DeadLetterStory { letter: dead_letter(), dead_letter: Some(parked), earlier: vec![12] }
}

/// An operator's decision.
pub fn decision() -> Decision {
    Decision { by: BY.to_owned(), why: WHY.to_owned() }
}

/// A dead letter that is tried once more.
pub fn decided() -> Decided {
    Decided {
        id: 42,
        job_id: Some(job_id(1)),
        delivery: None,
        state: LetterState::Redriven,
        already: false,
        resolved_by: BY.to_owned(),
        resolved_why: WHY.to_owned(),
        resolved_at: at(90),
    }
}

/// A failed job that is tried once more.
pub fn retried() -> Retried {
    Retried {
        job_id: job_id(1),
        reading_id: Some(reading_id("a")),
        state: LetterState::Redriven,
        resolved_by: BY.to_owned(),
        resolved_why: WHY.to_owned(),
        resolved_at: at(90),
    }
}

/// An image that leaves its study.
pub fn take_out_decided() -> TakeOutDecided {
    TakeOutDecided {
        job_id: job_id(1),
        study_id: study_id(),
        already: false,
        taken_out_by: BY.to_owned(),
        taken_out_why: "it is of somebody else".to_owned(),
        taken_out_at: at(90),
    }
}

/// A hole, and a loss that was accepted before.
pub fn losses() -> Losses {
    let positions = |first_seq, last_seq| Positions { first_seq, last_seq };
    Losses { hole: Some(positions(40, 41)), accepted: vec![positions(7, 7)] }
}

/// An operator accepts a loss.
pub fn loss_acceptance() -> LossAcceptance {
    LossAcceptance { first_seq: 40, last_seq: 41, by: BY.to_owned(), why: "no copy has it".to_owned() }
}

/// What becomes of it.
pub fn loss_accepted() -> LogLossAccepted {
    match log_loss_accepted(40, 41, 90).event {
        Event::LogLossAccepted(accepted) => accepted,
        other => unreachable!("the sample is {}", other.name()),
    }
}

/// Figures.
pub fn ops_metrics() -> OpsMetrics {
    let by_site = [("north".to_owned(), 34)].into();
    OpsMetrics {
        window_s: 300,
        images_per_s: 2.5,
        completed: 750,
        failed: 0,
        failure_rate: 0.0,
        latency_ms: Latency { p50: Some(410.0), p95: Some(880.0), p99: Some(1200.0) },
        queue_depths: Some(vec![Queue {
            consumer: "infer-routine".to_owned(),
            waiting: 30,
            in_hand: 4,
            by_site,
        }]),
        unserved: Vec::new(),
        projection: ProjectionPosition { position: 9120, log_last_seq: Some(9124), lag: Some(4) },
        unreadable: 0,
    }
}

/// A service that is ready.
pub fn readiness() -> Readiness {
    Readiness {
        ready: true,
        waiting_for: Default::default(),
        progress: Default::default(),
        notes: Default::default(),
    }
}

/// A stack that waits for its database.
pub fn stack_readiness() -> StackReadiness {
    let waiting_for = [("database".to_owned(), "not connected".to_owned())];
    let part = PartReadiness {
        ready: false,
        waiting_for: waiting_for.into(),
        progress: Default::default(),
        notes: Default::default(),
    };
    StackReadiness {
        ready: false,
        takes_uploads: true,
        waiting_for: [("projection/database".to_owned(), "not connected".to_owned())].into(),
        parts: [("projection".to_owned(), part)].into(),
    }
}

fn study_summary() -> StudySummary {
    StudySummary {
        study_id: study_id(),
        study_ref: Some(study_ref()),
        site: site(),
        created_at: at(0),
        last_image_at: at(0),
        closed_at: None,
        job_count: 1,
    }
}

fn flag() -> Flag {
    Flag {
        rule: RuleName::try_from("effusion".to_owned()).expect("fits the rule of names"),
        flagged_at: at(3),
        job_id: job_id(1),
        reading_id: reading_id("a"),
        label: "Effusion".to_owned(),
        measure: Measure::OperatingPointScore,
        value: 0.75,
        threshold: 0.5,
        actions: vec![FlagAction::RaisePriority, FlagAction::Worklist],
        notice: None,
    }
}

fn doubts() -> Vec<Notice> {
    vec![Notice { code: "without_patient".to_owned(), text: "A picture names no patient.".to_owned() }]
}

fn study_ref() -> StudyRef {
    StudyRef::try_from("S-1".to_owned()).expect("fits the rule of names")
}

fn target() -> DeliveryTarget {
    DeliveryTarget::try_from("pacs".to_owned()).expect("fits the rule of names")
}

fn reading() -> InferenceCompleted {
    match inference_completed(1, "a", 2).event {
        Event::InferenceCompleted(reading) => reading,
        other => unreachable!("the sample is {}", other.name()),
    }
}
