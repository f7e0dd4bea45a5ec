//! `GET /v1/jobs/{id}/result`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_answers::JobResult;
use hilum_events::ReadingId;
use hilum_runtime::Problem;

use super::Api;
use super::error::{conflict, database, internal};
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
    let reading = api.queries.reading(reading_id).await.map_err(database)?;
    let reading = reading.ok_or_else(|| internal("the job is completed but its reading is not there"))?;
    Ok(Json(JobResult::of(job.job_id, job.duplicate_of, reading)))
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
