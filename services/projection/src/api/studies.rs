//! `GET /v1/studies/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_api::{Job, MaybeNewer, Missing, Problem, Study, problems, samples};
use hilum_events::{JobId, Site};
use hilum_reports::{Missing as MissingOfReport, Report as Document};
use hilum_runtime::with_causes;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::error::database;
use super::params::{Limit, Params, job_id};
use crate::queries::{STUDY_JOBS_MAX, StoredReport};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Needed when several sites have a study of this name, and for a DICOM Study Instance UID.
    #[param(value_type = Option<Site>)]
    site: Option<String>,
    /// `next` of the page before: the answer has the jobs that came behind it.
    #[param(value_type = Option<JobId>)]
    after: Option<String>,
    /// Jobs of a page; 1000 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Limit>,
}

problems!(ShowProblems: BadRequest, NotFound, AmbiguousStudy);

/// A study, its jobs and its reports
#[utoipa::path(
    get,
    path = "/v1/studies/{id}",
    operation_id = "showStudy",
    tag = "studies",
    params(("id" = String, Path, description = "the study's id, or the name its sender gave it"), Page),
    responses(
        (status = 200, description = "the study", body = Study, example = json!(samples::study())),
        ShowProblems,
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(page): Params<Page>,
) -> Result<Json<Study>, Problem> {
    let after = page.after.as_deref().map(job_id).transpose()?;
    let limit = page.limit.map_or(STUDY_JOBS_MAX, |limit| limit.0);
    let summary = api.study(&name, page.site.as_deref()).await?;
    // One more shows whether there are more.
    let jobs = api.queries.study_jobs(summary.study_id, after, limit + 1).await.map_err(database)?;
    let (jobs, next) = first_page(jobs, limit);
    let reports = api.queries.reports(summary.study_id).await.map_err(database)?;
    let missing = match reports.last() {
        Some(last) if !last.revision.complete => missing(&api, last).await,
        _ => None,
    };
    let mut reports: Vec<_> = reports.into_iter().map(|report| report.revision).collect();
    if let Some(last) = reports.last_mut() {
        last.missing = missing;
    }
    let flags = api.queries.flags(summary.study_id).await.map_err(database)?;
    let deliveries = api.queries.deliveries(summary.study_id).await.map_err(database)?;
    let losses = api.queries.losses_of_study(summary.study_id).await.map_err(database)?;
    let taken_out = api.queries.taken_out(summary.study_id).await.map_err(database)?;
    Ok(Json(Study { summary, jobs, next, reports, flags, deliveries, losses, taken_out }))
}

/// The first `limit` jobs, and the last of these if there are more.
fn first_page(mut jobs: Vec<Job>, limit: u32) -> (Vec<Job>, Option<JobId>) {
    let is_more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| is_more).map(|job| job.job_id);
    (jobs, next)
}

/// What the document lists as missing; `None` when it can't be read, for the study can be shown all the same.
async fn missing(api: &Api, report: &StoredReport) -> Option<Vec<MaybeNewer<Missing>>> {
    let document = match api.blobs.get(&report.json).await {
        Ok(bytes) => Document::from_json(&bytes).map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(&error)),
    };
    match document {
        Ok(document) => Some(document.completeness?.missing.into_iter().map(answered).collect()),
        Err(error) => {
            tracing::warn!(error, key = report.json.key, "cannot read what a report says is missing");
            None
        }
    }
}

/// As the API answers it.
fn answered(missing: MissingOfReport) -> MaybeNewer<Missing> {
    MaybeNewer::Known(match missing {
        MissingOfReport::Images { expected, arrived } => Missing::Images { expected, arrived },
        MissingOfReport::Series { name } => Missing::Series { name },
        MissingOfReport::Beyond { most } => Missing::Beyond { most },
        MissingOfReport::Outcome { job_id } => Missing::Outcome { job_id },
    })
}
