//! `GET /v1/jobs/{id}/result`.

use axum::Json;
use axum::extract::{Path, State};
use hilum_events::{
    ActivationMap, AnalysedRegion, EngineIdentity, Finding, InferenceCompleted, JobId, ModelIdentity, Notice,
    ReadingId, ReadingTimes, Sha256Digest,
};
use hilum_runtime::Problem;
use serde::Serialize;

use super::Api;
use super::error::{conflict, database, internal};
use super::jobs::Waiting;
use super::params::{Params, job_id};
use crate::job::{Job, Status};

const UNTRAINED: &str = "UNTRAINED demonstration network: its outputs mean nothing and must not be used to \
                         judge an image";

#[derive(Serialize)]
pub(super) struct JobResult {
    job_id: JobId,
    top_label: Option<String>,
    findings: Vec<Finding>,
    model: Model,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<JobId>,
    reading_id: ReadingId,
    activation_maps: Vec<ActivationMap>,
    region: AnalysedRegion,
    pixel_digest: Sha256Digest,
    times: ReadingTimes,
    notices: Vec<Notice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_from: Option<ReadingId>,
}

#[derive(Serialize)]
struct Model {
    #[serde(flatten)]
    identity: ModelIdentity,
    #[serde(flatten)]
    engine: Engine,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

#[derive(Serialize)]
struct Engine {
    engine: String,
    engine_version: String,
    precision: String,
    device: String,
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(waiting): Params<Waiting>,
) -> Result<Json<JobResult>, Problem> {
    let job = api.ended_story(job_id(&id)?, waiting.wait).await?.job;
    let reading_id = completed_reading(&job)?;
    let reading = api.queries.reading(reading_id).await.map_err(database)?;
    let reading = reading.ok_or_else(|| internal("the job is completed but its reading is not there"))?;
    Ok(Json(result_of(&job, reading)))
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

fn result_of(job: &Job, reading: InferenceCompleted) -> JobResult {
    JobResult {
        job_id: job.job_id,
        top_label: top_label(&reading.findings).map(str::to_owned),
        findings: reading.findings,
        model: Model {
            notice: (!reading.model.trained).then_some(UNTRAINED),
            identity: reading.model,
            engine: Engine::from(reading.engine),
        },
        duplicate_of: job.duplicate_of,
        reading_id: reading.reading_id,
        activation_maps: reading.activation_maps,
        region: reading.region,
        pixel_digest: reading.pixel_digest,
        times: reading.times,
        notices: reading.notices,
        reused_from: reading.reused_from,
    }
}

/// The label with the highest operating-point score, which is comparable between labels where probabilities
/// are not. Labels without a threshold count only if no label has one; then by probability.
fn top_label(findings: &[Finding]) -> Option<&str> {
    let highest = |score: fn(&Finding) -> Option<f32>| {
        let scored = findings.iter().filter_map(|finding| Some((score(finding)?, finding)));
        scored.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, finding)| finding)
    };
    let top = highest(|finding| finding.operating_point_score).or_else(|| highest(|f| Some(f.probability)));
    top.map(|finding| finding.label.as_str())
}

impl From<EngineIdentity> for Engine {
    fn from(identity: EngineIdentity) -> Self {
        Self {
            engine: identity.engine,
            engine_version: identity.version,
            precision: identity.precision,
            device: identity.device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(label: &str, probability: f32, operating_point_score: Option<f32>) -> Finding {
        Finding { label: label.to_owned(), logit: 0.0, probability, operating_point_score }
    }

    #[test]
    fn the_top_label_has_the_highest_operating_point_score() {
        let findings = [finding("A", 0.9, Some(0.2)), finding("B", 0.3, Some(0.6)), finding("C", 0.99, None)];
        assert_eq!(top_label(&findings), Some("B"));
    }

    #[test]
    fn without_thresholds_the_most_probable_label_is_the_top_one() {
        assert_eq!(top_label(&[finding("A", 0.1, None), finding("B", 0.3, None)]), Some("B"));
        assert_eq!(top_label(&[]), None);
    }
}
