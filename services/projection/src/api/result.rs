//! `GET /v1/jobs/{id}/result`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_api::{Job, JobResult, JobStatus, Problem, ProblemType, problems, samples};
use hilum_events::{Event, InferenceCompleted, JobId, ReadingId, completed_filter};

use super::Api;
use super::error::{database, internal, log};
use super::jobs::Waiting;
use super::params::{Params, job_id};

problems!(ShowProblems: BadRequest, NotFound, Lost, JobUnfinished, JobFailed);

/// The reading of a completed job
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    operation_id = "showResult",
    tag = "images",
    params(("id" = JobId, Path, description = "the job's id, a UUID"), Waiting),
    responses(
        (status = 200, description = "the reading", body = JobResult, example = json!(samples::job_result())),
        ShowProblems,
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(waiting): Params<Waiting>,
) -> Result<Json<JobResult>, Problem> {
    let job = api.ended_story(job_id(&id)?, waiting.wait).await?.job;
    let reading_id = completed_reading(&job)?;
    let reading = match api.queries.reading(reading_id).await.map_err(database)? {
        Some(reading) => reading,
        // The tables are behind and the log said that the job is completed.
        None => from_log(&api, reading_id).await?,
    };
    Ok(Json(JobResult::of(job.job_id, job.duplicate_of, reading)))
}

async fn from_log(api: &Api, reading_id: ReadingId) -> Result<InferenceCompleted, Problem> {
    let found = api.log.last(&completed_filter(reading_id)).await.map_err(log)?;
    match found.and_then(|recorded| recorded.content.ok()).map(|envelope| envelope.event) {
        Some(Event::InferenceCompleted(reading)) => Ok(reading),
        _ => Err(internal("the job is completed but its reading is not there")),
    }
}

fn completed_reading(job: &Job) -> Result<ReadingId, Problem> {
    match (job.status, job.reading_id) {
        (JobStatus::Completed, Some(reading_id)) => Ok(reading_id),
        (JobStatus::Failed, _) => {
            let reason = job.reason.as_deref().unwrap_or("no reason was given");
            Err(Problem::new(ProblemType::JobFailed, reason))
        }
        (status, _) => {
            let detail = format!("the job is {}; add ?wait=30s to wait for its end", status.as_str());
            Err(Problem::new(ProblemType::JobUnfinished, detail))
        }
    }
}
