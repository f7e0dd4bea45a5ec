//! `GET /v1/studies/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_events::JobId;
use hilum_reports::{Missing, Report as Document};
use hilum_runtime::{Problem, with_causes};
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::database;
use super::params::{Limit, Params, job_id};
use crate::job::Job;
use crate::queries::{Delivery, Flag, Loss, Report, STUDY_JOBS_MAX, Study, TakenOut};

#[derive(Deserialize)]
pub(super) struct Page {
    site: Option<String>,
    after: Option<String>,
    limit: Option<Limit>,
}

#[derive(Serialize)]
pub(super) struct WholeStudy {
    #[serde(flatten)]
    study: Study,
    jobs: Vec<Job>,
    /// Give it as `after` to go on with the jobs; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<JobId>,
    reports: Vec<Told>,
    flags: Vec<Flag>,
    deliveries: Vec<Delivery>,
    /// What the event log has lost of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    losses: Vec<Loss>,
    /// Its images that were taken out again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken_out: Vec<TakenOut>,
}

/// A report, and of the last one what it says is missing.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<Missing>>,
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(page): Params<Page>,
) -> Result<Json<WholeStudy>, Problem> {
    let after = page.after.as_deref().map(job_id).transpose()?;
    let limit = page.limit.map_or(STUDY_JOBS_MAX, |limit| limit.0);
    let study = api.study(&name, page.site.as_deref()).await?;
    // One more tells whether there are more.
    let jobs = api.queries.study_jobs(study.study_id, after, limit + 1).await.map_err(database)?;
    let (jobs, next) = first_page(jobs, limit);
    let reports = api.queries.reports(study.study_id).await.map_err(database)?;
    let missing = match reports.last() {
        Some(last) if !last.complete => missing(&api, last).await,
        _ => None,
    };
    let mut reports: Vec<_> = reports.into_iter().map(|report| Told { report, missing: None }).collect();
    if let Some(last) = reports.last_mut() {
        last.missing = missing;
    }
    let flags = api.queries.flags(study.study_id).await.map_err(database)?;
    let deliveries = api.queries.deliveries(study.study_id).await.map_err(database)?;
    let losses = api.queries.losses_of_study(study.study_id).await.map_err(database)?;
    let taken_out = api.queries.taken_out(study.study_id).await.map_err(database)?;
    Ok(Json(WholeStudy { study, jobs, next, reports, flags, deliveries, losses, taken_out }))
}

/// The first `limit` jobs, and the last of these if there are more.
fn first_page(mut jobs: Vec<Job>, limit: u32) -> (Vec<Job>, Option<JobId>) {
    let is_more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| is_more).map(|job| job.job_id);
    (jobs, next)
}

/// What the document says is missing; `None` when it can't be had, for the study can be shown all the same.
async fn missing(api: &Api, report: &Report) -> Option<Vec<Missing>> {
    let document = match api.blobs.get(&report.json).await {
        Ok(bytes) => Document::from_json(&bytes).map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(&error)),
    };
    match document {
        Ok(document) => Some(document.completeness?.missing),
        Err(error) => {
            tracing::warn!(error, key = report.json.key, "cannot read what a report says is missing");
            None
        }
    }
}
