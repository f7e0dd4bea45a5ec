//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_events::{JobId, Site};
use hilum_runtime::Problem;
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::{bad_request, database};
use super::params::{Limit, Params, Wait, job_id, plain, release};
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
    reason: Option<String>,
    failed_before_release: Option<String>,
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
    let mut story = api.ended_story(job_id(&id)?, waiting.wait).await?;
    story.job.waits_for = api.unserved.waited_for_by(&api.log, &story.job).await;
    Ok(Json(story))
}

pub(super) async fn list(
    State(api): State<Api>,
    Params(listing): Params<Listing>,
) -> Result<Json<JobList>, Problem> {
    let site: Option<Site> =
        listing.site.map(Site::try_from).transpose().map_err(|error| bad_request(error.to_string()))?;
    let after = listing.after.as_deref().map(job_id).transpose()?;
    let limit = listing.limit.0;
    let reason = listing.reason.map(plain).transpose()?;
    let failed_before_release = listing.failed_before_release.map(release).transpose()?;
    // Only these can have failed so; the tables are walked for no others.
    let status = listing.status.or(failed_before_release.is_some().then_some(Status::Failed));
    let filter = JobFilter { site, status, reason, failed_before_release, after, limit };
    let jobs = api.queries.jobs(&filter).await.map_err(database)?;
    let full = jobs.len() == limit as usize;
    let next = jobs.last().filter(|_| full).map(|job| job.job_id);
    Ok(Json(JobList { jobs, next }))
}
