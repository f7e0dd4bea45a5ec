//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_api::{JobList, JobStatus, JobWithHistory, Problem, problems, samples};
use hilum_events::{JobId, Site};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::error::{bad_request, database};
use super::params::{Limit, Params, Wait, job_id, plain, release};
use crate::queries::JobFilter;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// How long to hold the answer back until it is final: 30s, 500ms, 1m or 30 (seconds); 60 seconds at most.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "30s")]
    pub(super) wait: Wait,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only jobs of this site.
    #[param(value_type = Option<Site>)]
    site: Option<String>,
    /// Only jobs in this state.
    status: Option<JobStatus>,
    /// Only jobs with this code of a reason, or with these words in the reason.
    reason: Option<String>,
    /// Only jobs whose image was failed by a release earlier than this one, such as 0.2.0, or by one that did not record which
    /// it was.
    #[param(pattern = "^[0-9]{1,9}([.][0-9]{1,9})*$")]
    failed_before_release: Option<String>,
    /// Only jobs older than this one: `next` of the page before.
    #[param(value_type = Option<JobId>)]
    after: Option<String>,
    /// How many jobs a page has.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

problems!(ShowProblems: BadRequest, NotFound, Lost);

/// Tells where a job stands
///
/// A job that got its 202 is never answered 404.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    operation_id = "showJob",
    tag = "images",
    params(("id" = JobId, Path, description = "the job's id, a UUID"), Waiting),
    responses(
        (status = 200, description = "the job", body = JobWithHistory, example = json!(samples::job_with_history())),
        ShowProblems,
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(waiting): Params<Waiting>,
) -> Result<Json<JobWithHistory>, Problem> {
    let mut story = api.ended_story(job_id(&id)?, waiting.wait).await?;
    story.job.waits_for = api.unserved.waited_for_by(&api.log, &story.job).await;
    Ok(Json(story))
}

problems!(ListProblems: BadRequest);

/// Lists jobs, newest first
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "listJobs",
    tag = "images",
    params(Listing),
    responses(
        (status = 200, description = "a page of jobs", body = JobList, example = json!(samples::job_list())),
        ListProblems,
    )
)]
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
    let status = listing.status.or(failed_before_release.is_some().then_some(JobStatus::Failed));
    let filter = JobFilter { site, status, reason, failed_before_release, after, limit };
    let jobs = api.queries.jobs(&filter).await.map_err(database)?;
    let full = jobs.len() == limit as usize;
    let next = jobs.last().filter(|_| full).map(|job| job.job_id);
    Ok(Json(JobList { jobs, next }))
}
