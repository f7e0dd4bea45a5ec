//! `POST /v1/jobs/{id}/take-out`: an operator takes an image out of its study again. The decision is a fact; the next revision
//! of the study's report follows from it. The first one counts. The operator's name and reason stand in the event and
//! the rows alone.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Decision, Problem, TakeOutDecided, problems, samples};
use hilum_events::{Event, ImageTakenOut, JobId, job_image_filter};
use jiff::Timestamp;
use tracing::Instrument as _;

use super::Api;
use super::error::log;
use super::params::job_id;

problems!(TakeOutProblems: BadRequest, BadDecision, BrokenOff, Stalled, NotFound, TooManyDecisions);

/// Takes an image out of its study again
///
/// For an image of somebody else, or one that should not be there. The decision is an event of its own, made once: a second one
/// is answered with the first. The study's report is revised without the image, and says so. What was delivered of it elsewhere
/// stays there.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/take-out",
    operation_id = "takeImageOut",
    tag = "images",
    params(("id" = JobId, Path, description = "the job's id, a UUID")),
    request_body(content = Decision, example = json!(samples::decision())),
    responses(
        (
            status = 202,
            description = "decided, now or before; the next revision comes by itself",
            body = TakeOutDecided,
            example = json!(samples::take_out_decided())
        ),
        TakeOutProblems,
    )
)]
pub(super) async fn take_out(
    State(api): State<Api>,
    Path(id): Path<String>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Result<Response, Problem> {
    let job_id = job_id(&id)?;
    let Decision { by, why } = api.admitted(decision)?;
    let stored = api.log.last(&job_image_filter(job_id)).await.map_err(log)?;
    let known = stored.as_ref().and_then(|stored| match (stored.envelope()?, &stored.envelope()?.event) {
        (envelope, Event::ImageStored(e)) => Some((stored, envelope, e.study_id)),
        _ => None,
    });
    let Some((stored, envelope, study_id)) = known else {
        return Err(Problem::not_found("there is no such job"));
    };
    let event = Event::ImageTakenOut(ImageTakenOut { job_id, study_id, by, why });
    let ours = envelope.next(Timestamp::now(), event);
    let span = tracing::info_span!("take out", job_id = %job_id);
    stored.continue_trace_in(&span);
    let found = api.settle(&ours).instrument(span).await?;
    let already = found != ours;
    if !already {
        metrics::counter!("hilum_images_taken_out_total").increment(1);
        tracing::info!(%job_id, %study_id, "an operator took an image out of its study");
    }
    let taken_out_at = found.occurred_at;
    let Event::ImageTakenOut(ImageTakenOut { by, why, .. }) = found.event else {
        return Err(Problem::unavailable("another fact stands in the place of the decision; look again"));
    };
    let decided =
        TakeOutDecided { job_id, study_id, already, taken_out_by: by, taken_out_why: why, taken_out_at };
    Ok((StatusCode::ACCEPTED, Json(decided)).into_response())
}
