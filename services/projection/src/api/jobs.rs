//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_events::{JobId, Site};
use hilum_runtime::Problem;
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::{bad_request, database};
use super::params::{Limit, Params, Wait, job_id};
use crate::job::{Job, Status, Story};
use crate::queries::JobFilter;

#[derive(Deserialize)]
pub(super) struct Waiting {
    #[serde(default)]
    pub(super) wait: Wait,
}

#[derive(Deserialize)]
pub(super) struct Listing {
    site: Option<String>,
    status: Option<Status>,
    after: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Serialize)]
pub(super) struct JobList {
    jobs: Vec<Job>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<JobId>,
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(waiting): Params<Waiting>,
) -> Result<Json<Story>, Problem> {
    Ok(Json(api.ended_story(job_id(&id)?, waiting.wait).await?))
}

pub(super) async fn list(
    State(api): State<Api>,
    Params(listing): Params<Listing>,
) -> Result<Json<JobList>, Problem> {
    let site: Option<Site> =
        listing.site.map(Site::try_from).transpose().map_err(|error| bad_request(error.to_string()))?;
    let after = listing.after.as_deref().map(job_id).transpose()?;
    let limit = listing.limit.0;
    let filter = JobFilter { site, status: listing.status, after, limit };
    let jobs = api.queries.jobs(&filter).await.map_err(database)?;
    let full = jobs.len() == limit as usize;
    let next = jobs.last().filter(|_| full).map(|job| job.job_id);
    Ok(Json(JobList { jobs, next }))
}
