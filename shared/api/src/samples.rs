//! An answer of each kind, made of the story of [`hilum_events::samples`]: the examples of the description. Its values are made
//! up; it is not used at run time.

mod operation;

use hilum_events::samples::{at, image, inference_completed, job_id, reading_id, site, study_id};
use hilum_events::{
    DeliveryTarget, Event, FlagAction, InferenceCompleted, Measure, Notice, Priority, ReportCause, RuleName,
    StudyRef,
};

pub use self::operation::{
    dead_letter, dead_letter_list, dead_letter_story, decided, decision, loss_acceptance, loss_accepted,
    losses, ops_metrics, readiness, retried, stack_readiness, take_out_decided,
};
use crate::{
    Accepted, Delivery, DeliveryState, Flag, FlaggedStudy, Job, JobList, JobResult, JobStatus, JobStep,
    JobWithHistory, Manifest, MaybeNewer, Missing, ReportRevision, Study, StudyNoted, StudySummary, Worklist,
};

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
        missing: Some(vec![MaybeNewer::Known(Missing::Images { expected: 2, arrived: 1 })]),
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
