//! `GET /v1/studies/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_runtime::Problem;
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::database;
use super::params::Params;
use crate::job::Job;
use crate::queries::{Delivery, Flag, Report, Study};

#[derive(Deserialize)]
pub(super) struct AtSite {
    site: Option<String>,
}

#[derive(Serialize)]
pub(super) struct WholeStudy {
    #[serde(flatten)]
    study: Study,
    jobs: Vec<Job>,
    reports: Vec<Report>,
    flags: Vec<Flag>,
    deliveries: Vec<Delivery>,
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(at): Params<AtSite>,
) -> Result<Json<WholeStudy>, Problem> {
    let study = api.study(&name, at.site.as_deref()).await?;
    let jobs = api.queries.study_jobs(study.study_id).await.map_err(database)?;
    let reports = api.queries.reports(study.study_id).await.map_err(database)?;
    let flags = api.queries.flags(study.study_id).await.map_err(database)?;
    let deliveries = api.queries.deliveries(study.study_id).await.map_err(database)?;
    Ok(Json(WholeStudy { study, jobs, reports, flags, deliveries }))
}
