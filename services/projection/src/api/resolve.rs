//! `POST /v1/ops/dlq/{id}/redrive` and `…/discard`: an operator's decision becomes a fact. The first one counts;
//! what follows from it is for others. The operator's name and reason stand in the
//! event alone, never in logs or metrics.

use std::time::Instant;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Decided, Decision, GivenUpDelivery, LetterState, Problem, ProblemType, problems, samples};
use hilum_events::{
    DeadLetterResolved, DeliveryFailed, DeliveryResolved, Envelope, Event, JobDeadLettered, JobId, Resolution,
};
use hilum_log::{AppendError, Appended, Recorded};
use jiff::Timestamp;
use tracing::Instrument as _;

use super::Api;
use super::dead_letters::no_such_letter;
use super::error::{bad_request, log};
use super::params::dead_letter_id;

/// Characters of a name or a reason.
const WORDS_MAX: usize = 500;

problems!(DecideProblems: BadRequest, BadDecision, BrokenOff, Stalled, NotFound, AlreadyDecided, TooManyDecisions);

/// Has the work tried once more
///
/// A new attempt of the same job, or of the same delivery; jobs that share a reading are healed with it. What fails again is
/// another dead letter. The decision is an event of its own and is made once: repeating it changes nothing.
#[utoipa::path(
    post,
    path = "/v1/ops/dlq/{id}/redrive",
    operation_id = "redriveDeadLetter",
    tag = "operation",
    params(("id" = u64, Path, minimum = 1, description = "the dead letter's id, as listed")),
    request_body(content = Decision, example = json!(samples::decision())),
    responses(
        (
            status = 200,
            description = "the same was decided before, with the operator who did and the reason",
            body = Decided,
            example = json!(Decided { already: true, ..samples::decided() })
        ),
        (
            status = 202,
            description = "decided now; what follows from it comes by itself",
            body = Decided,
            example = json!(samples::decided())
        ),
        DecideProblems,
    )
)]
pub(super) async fn redrive(
    State(api): State<Api>,
    Path(id): Path<String>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Result<Response, Problem> {
    api.decide(&id, Resolution::Redrive, decision).await
}

/// Says that the work is not to be tried again
///
/// The job or the delivery stays failed and the dead letter is no longer open. The decision is an event of its own and is made
/// once: repeating it changes nothing.
#[utoipa::path(
    post,
    path = "/v1/ops/dlq/{id}/discard",
    operation_id = "discardDeadLetter",
    tag = "operation",
    params(("id" = u64, Path, minimum = 1, description = "the dead letter's id, as listed")),
    request_body(content = Decision, example = json!(samples::decision())),
    responses(
        (
            status = 200,
            description = "the same was decided before, with the operator who did and the reason",
            body = Decided,
            example = json!(Decided { already: true, state: LetterState::Discarded, ..samples::decided() })
        ),
        (
            status = 202,
            description = "decided now; what follows from it comes by itself",
            body = Decided,
            example = json!(Decided { state: LetterState::Discarded, ..samples::decided() })
        ),
        DecideProblems,
    )
)]
pub(super) async fn discard(
    State(api): State<Api>,
    Path(id): Path<String>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Result<Response, Problem> {
    api.decide(&id, Resolution::Discard, decision).await
}

impl Api {
    async fn decide(
        &self,
        id: &str,
        resolution: Resolution,
        decision: Result<Json<Decision>, JsonRejection>,
    ) -> Result<Response, Problem> {
        let id = dead_letter_id(id)?;
        let decision = self.admitted(decision)?;
        let recorded = self.log.at(id).await.map_err(log)?.ok_or_else(no_such_letter)?;
        let letter = recorded.envelope().ok_or_else(no_such_letter)?;
        let ours = letter.next(Timestamp::now(), decided(&letter.event, resolution, decision)?);
        // The trace goes on where the job's ended.
        let span = tracing::info_span!("resolve", seq = id);
        recorded.continue_trace_in(&span);
        let found = self.settle(&ours).instrument(span).await?;
        answer(id, resolution, &ours, &found)
    }

    /// The decision, if it is complete and not too many others come at the same time.
    pub(super) fn admitted(&self, said: Result<Json<Decision>, JsonRejection>) -> Result<Decision, Problem> {
        let decision = checked(said)?;
        if self.decisions.pass(Instant::now()) { Ok(decision) } else { Err(too_many()) }
    }

    /// Appends the decision; gives what stands in its place, which may be another one's.
    pub(super) async fn settle(&self, ours: &Envelope) -> Result<Envelope, Problem> {
        let found = match self.log.append(ours).await {
            Ok(Appended::New { .. }) => return Ok(ours.clone()),
            // All decisions about a dead letter have one id, whoever made them and whatever was decided.
            Ok(Appended::AlreadyThere { .. }) => self.log.last(&ours.subject()).await.map_err(log)?,
            Err(AppendError::Taken(recorded)) => Some(*recorded),
            Err(error @ AppendError::TooLong { .. }) => return Err(bad_request(error.to_string())),
            Err(AppendError::OtherLog(error)) => return Err(Problem::unavailable(error.to_string())),
            Err(error) if error.passes() => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot append a decision");
                None
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot append a decision");
                return Err(Problem::unavailable(error.to_string()));
            }
        };
        found.as_ref().and_then(Recorded::envelope).cloned().ok_or_else(|| {
            Problem::unavailable(
                "the event log is away; send the decision again, doing so twice does no harm",
            )
        })
    }
}

/// Says what was decided; a refusal if it was not this.
fn answer(id: u64, asked: Resolution, ours: &Envelope, found: &Envelope) -> Result<Response, Problem> {
    let (resolution, by, why) = match &found.event {
        Event::DeadLetterResolved(event) => (event.resolution, &event.by, &event.why),
        Event::DeliveryResolved(event) => (event.resolution, &event.by, &event.why),
        _ => return Err(no_such_letter()),
    };
    let state = state_of(resolution);
    if resolution != asked {
        return Err(Problem::new(ProblemType::AlreadyDecided, decided_before(found)));
    }
    let already = found != ours;
    if !already {
        metrics::counter!("hilum_dead_letters_resolved_total", "state" => state.as_str()).increment(1);
        tracing::info!(id, state = state.as_str(), "an operator decided about a dead letter");
    }
    let (job_id, delivery) = subject_of(&found.event);
    let decided = Decided {
        id,
        job_id,
        delivery,
        state,
        already,
        resolved_by: by.clone(),
        resolved_why: why.clone(),
        resolved_at: found.occurred_at,
    };
    let status = if already { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(decided)).into_response())
}

/// What was decided, by whom, when and why.
pub(super) fn decided_before(found: &Envelope) -> String {
    let (resolution, by, why) = match &found.event {
        Event::DeadLetterResolved(event) => (event.resolution, &*event.by, &*event.why),
        Event::DeliveryResolved(event) => (event.resolution, &*event.by, &*event.why),
        _ => return "it was decided before".to_owned(),
    };
    let (state, at) = (state_of(resolution).as_str(), found.occurred_at);
    format!("it was {state} by {by} at {at} ({why}); a decision is made once and stands")
}

fn subject_of(event: &Event) -> (Option<JobId>, Option<GivenUpDelivery>) {
    match event {
        Event::DeadLetterResolved(event) => (Some(event.job_id), None),
        Event::DeliveryResolved(event) => {
            let DeliveryResolved { study_id, matter, target, attempt, .. } = event.clone();
            (None, Some(GivenUpDelivery { study_id, matter: matter.token(), target, attempt }))
        }
        _ => (None, None),
    }
}

/// The fact that an operator's decision about what was given up becomes.
fn decided(given_up: &Event, resolution: Resolution, decision: Decision) -> Result<Event, Problem> {
    match given_up {
        Event::JobDeadLettered(event) => Ok(Event::DeadLetterResolved(of_job(event, resolution, decision))),
        Event::DeliveryFailed(event) => Ok(Event::DeliveryResolved(of_delivery(event, resolution, decision))),
        _ => Err(no_such_letter()),
    }
}

fn of_delivery(failed: &DeliveryFailed, resolution: Resolution, decision: Decision) -> DeliveryResolved {
    DeliveryResolved {
        study_id: failed.study_id,
        matter: failed.matter.clone(),
        target: failed.target.clone(),
        attempt: failed.attempt,
        resolution,
        by: decision.by,
        why: decision.why,
    }
}

pub(super) fn of_job(
    given_up: &JobDeadLettered,
    resolution: Resolution,
    decision: Decision,
) -> DeadLetterResolved {
    DeadLetterResolved {
        job_id: given_up.job_id,
        reading_id: given_up.reading_id,
        consumer: given_up.consumer.clone(),
        stream_seq: given_up.stream_seq,
        resolution,
        by: decision.by,
        why: decision.why,
    }
}

pub(super) fn state_of(resolution: Resolution) -> LetterState {
    match resolution {
        Resolution::Redrive => LetterState::Redriven,
        Resolution::Discard => LetterState::Discarded,
    }
}

fn checked(decision: Result<Json<Decision>, JsonRejection>) -> Result<Decision, Problem> {
    let Json(decision) = decision.map_err(|rejection| {
        let form = "send {\"by\": …, \"why\": …} as application/json";
        let refused = bad_request(format!("{}; {form}", rejection.body_text()));
        Problem { status: rejection.status().as_u16(), ..refused }
    })?;
    let by = words("by", "who decides", &decision.by)?;
    let why = words("why", "the reason in a few words", &decision.why)?;
    Ok(Decision { by, why })
}

/// One line for people. Not kept if Postgres could not hold it or a terminal could not show it.
pub(super) fn words(field: &str, what: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let wrong = if text.is_empty() {
        "is missing"
    } else if text.chars().count() > WORDS_MAX {
        "is longer than 500 characters"
    } else if text.chars().any(char::is_control) {
        "has line breaks or control characters"
    } else {
        return Ok(text.to_owned());
    };
    let detail = format!("`{field}` {wrong}; it must say {what}, and never a patient's name or number");
    Err(Problem::new(ProblemType::BadDecision, detail))
}

fn too_many() -> Problem {
    let detail = "50 decisions in a second is the most; send the rest a little later";
    Problem::new(ProblemType::TooManyDecisions, detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_one_line_that_says_something() {
        assert_eq!(words("why", "", "  storage was restored ").unwrap(), "storage was restored");
        assert!(words("why", "", &"ä".repeat(WORDS_MAX)).is_ok());
        for bad in ["", "  ", "a\nb", "a\0b", &"ä".repeat(WORDS_MAX + 1)] {
            let problem = words("why", "the reason", bad).unwrap_err();
            assert_eq!((problem.status, problem.detail.contains("`why`")), (422, true), "{bad}");
        }
    }
}
