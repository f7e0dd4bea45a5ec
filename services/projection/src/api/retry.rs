//! `POST /v1/jobs/{id}/retry`: an operator wants a job that failed tried again. The decision is the same fact as that about
//! a dead letter (ADR 0030), on what the log says of the newest attempt; the tables tell only which reading the job has.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Decision, Job, LetterState, Problem, ProblemType, Retried, problems, samples};
use hilum_events::{
    DeadLetterResolved, Envelope, Event, InferenceRequested, JobId, ReadingId, Resolution, claim_filter,
    completed_filter, dead_letter_filter, failed_filter, job_dead_letters_filter, job_decisions_filter,
};
use hilum_log::Recorded;
use jiff::Timestamp;
use tracing::Instrument as _;

use super::Api;
use super::error::log;
use super::params::job_id;
use super::resolve::{decided_before, of_job};

/// How a job failed.
struct Failure {
    /// The fact that records it.
    told: Recorded,
    /// Position of the request, if the image was at fault; a dead letter names its own.
    request: Option<(u64, InferenceRequested)>,
}

problems!(
    RetryProblems: BadRequest, BadDecision, BrokenOff, Stalled, NotFound, Lost, AlreadyDecided, JobNotFailed,
    TooManyDecisions
);

/// Has a failed job tried once more
///
/// For what failed under a decoder, rules or a worker that are better now. A new attempt at its reading, with which all jobs are
/// healed that share it; or of the job, if it was given up before it had one. The decision is an event of its own and is made
/// once for each failure: a second one is refused with who made the first, when and why. What fails again can be tried again.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    operation_id = "retryJob",
    tag = "images",
    params(("id" = JobId, Path, description = "the job's id, a UUID")),
    request_body(content = Decision, example = json!(samples::decision())),
    responses(
        (
            status = 202,
            description = "decided; what follows from it comes by itself",
            body = Retried,
            example = json!(samples::retried())
        ),
        RetryProblems,
    )
)]
pub(super) async fn retry(
    State(api): State<Api>,
    Path(id): Path<String>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Result<Response, Problem> {
    let job_id = job_id(&id)?;
    let decision = api.admitted(decision)?;
    let job = api.story(job_id).await?.job;
    let failure = match job.reading_id {
        Some(reading_id) => api.failure_of_reading(&job, reading_id).await?,
        None => api.failure_of_image(&job).await?,
    };
    let ours = failure.decided(decision).ok_or_else(|| unfinished(&job))?;
    // The trace goes on where the job's ended.
    let span = tracing::info_span!("retry", job_id = %job_id);
    failure.told.continue_trace_in(&span);
    let found = api.settle(&ours).instrument(span).await?;
    if found != ours {
        return Err(decided_already(&found));
    }
    metrics::counter!("hilum_failures_retried_total").increment(1);
    tracing::info!(%job_id, "an operator wants a failed job tried again");
    let Event::DeadLetterResolved(decided) = ours.event else { return Err(unfinished(&job)) };
    let answer = Retried {
        job_id,
        reading_id: decided.reading_id,
        state: LetterState::Redriven,
        resolved_by: decided.by,
        resolved_why: decided.why,
        resolved_at: ours.occurred_at,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

impl Api {
    /// How the newest attempt at a reading failed.
    ///
    /// # Errors
    /// 409 if it was read, or is tried: then with the decision that led to it, if one did.
    async fn failure_of_reading(&self, job: &Job, reading_id: ReadingId) -> Result<Failure, Problem> {
        let newest = self.log.last(&claim_filter(reading_id)).await.map_err(log)?;
        let Some((seq, asked, request)) = newest.as_ref().and_then(request_in) else {
            return Err(unfinished(job));
        };
        if self.log.last(&completed_filter(reading_id)).await.map_err(log)?.is_some() {
            return Err(Problem::new(ProblemType::JobNotFailed, "its image was read"));
        }
        let failed = failed_filter(reading_id, request.attempt);
        if let Some(told) = self.log.last(&failed).await.map_err(log)? {
            return Ok(Failure { told, request: Some((seq, request.clone())) });
        }
        let given_up = dead_letter_filter(request.job_id, seq);
        if let Some(told) = self.log.last(&given_up).await.map_err(log)? {
            return Ok(Failure { told, request: None });
        }
        let decision = self.log.last(&job_decisions_filter(request.job_id)).await.map_err(log)?;
        let led_here = decision.as_ref().and_then(Recorded::envelope);
        match led_here.filter(|decision| asked.causation_id == Some(decision.event_id)) {
            Some(decision) => Err(decided_already(decision)),
            None => Err(unfinished(job)),
        }
    }

    /// How a job failed that has no reading.
    async fn failure_of_image(&self, job: &Job) -> Result<Failure, Problem> {
        let told = self.log.last(&job_dead_letters_filter(job.job_id)).await.map_err(log)?;
        Ok(Failure { told: told.ok_or_else(|| unfinished(job))?, request: None })
    }
}

impl Failure {
    /// The fact that the operator's decision becomes; `None` if nothing failed.
    fn decided(&self, decision: Decision) -> Option<Envelope> {
        let told = self.told.envelope()?;
        let event = match (&told.event, &self.request) {
            (Event::InferenceFailed(failed), Some((stream_seq, request))) => DeadLetterResolved {
                job_id: request.job_id,
                reading_id: Some(failed.reading_id),
                consumer: format!("infer-{}", request.priority.as_str()),
                stream_seq: *stream_seq,
                resolution: Resolution::Redrive,
                by: decision.by,
                why: decision.why,
            },
            (Event::JobDeadLettered(given_up), _) => of_job(given_up, Resolution::Redrive, decision),
            _ => return None,
        };
        Some(told.next(Timestamp::now(), Event::DeadLetterResolved(event)))
    }
}

fn request_in(recorded: &Recorded) -> Option<(u64, &Envelope, &InferenceRequested)> {
    let envelope = recorded.envelope()?;
    match &envelope.event {
        Event::InferenceRequested(request) => Some((recorded.seq, envelope, request)),
        _ => None,
    }
}

fn decided_already(decision: &Envelope) -> Problem {
    Problem::new(ProblemType::AlreadyDecided, decided_before(decision))
}

fn unfinished(job: &Job) -> Problem {
    let detail = format!("the job is {}; only one that failed can be tried again", job.status.as_str());
    Problem::new(ProblemType::JobNotFailed, detail)
}
