//! `GET /v1/jobs/{id}/result`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_answers::JobResult;
use hilum_events::{Event, InferenceCompleted, ReadingId, completed_filter};
use hilum_runtime::Problem;

use super::Api;
use super::error::{conflict, database, internal, log};
use super::jobs::Waiting;
use super::params::{Params, job_id};
use crate::job::{Job, Status};

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
        (Status::Completed, Some(reading_id)) => Ok(reading_id),
        (Status::Failed, _) => {
            let reason = job.reason.as_deref().unwrap_or("no reason was given");
            Err(conflict("job-failed", "the job failed", reason))
        }
        (status, _) => {
            let detail = format!("the job is {}; add ?wait=30s to wait for its end", status.as_str());
            Err(conflict("job-unfinished", "the job has not ended", detail))
        }
    }
}
