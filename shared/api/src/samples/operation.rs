//! What operators ask for and are answered.

use hilum_events::samples::{at, inference_requested, job_id, log_loss_accepted, reading_id, site, study_id};
use hilum_events::{Event, LogLossAccepted};
use uuid::Uuid;

use crate::{
    DeadLetter, DeadLetterList, DeadLetterStory, Decided, Decision, Latency, LetterState, LoggedEvent,
    LossAcceptance, Losses, OpsMetrics, ParkedMessage, PartReadiness, Positions, ProjectionPosition, Queue,
    Readiness, Retried, StackReadiness, TakeOutDecided, Try,
};

const BY: &str = "ada@radiology";
const WHY: &str = "storage was restored";

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
        event_id: inference_requested(1, "a", 1).event_id,
        name: "inference-requested".to_owned(),
        occurred_at: at(1),
        payload: serde_json::json!({ "reading_id": reading_id("a") }),
        site: site(),
    };
    let parked = ParkedMessage {
        subject: inference_requested(1, "a", 1).subject(),
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
