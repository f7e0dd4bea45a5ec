//! What a model says of the image of a job: the answer of `GET /v1/jobs/{id}/result`.

use hilum_events::{
    ActivationMap, AnalysedRegion, EngineIdentity, Finding, InferenceCompleted, JobId, ModelIdentity, Notice,
    ReadingId, ReadingTimes, Sha256Digest,
};
use serde::Serialize;

/// Said of what an untrained model says.
pub const UNTRAINED: &str = "UNTRAINED demonstration network: its outputs mean nothing and must not be used to \
                         judge an image";

/// A completed job's reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobResult {
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

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Model {
    #[serde(flatten)]
    identity: ModelIdentity,
    #[serde(flatten)]
    engine: Engine,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Engine {
    engine: String,
    engine_version: String,
    precision: String,
    device: String,
}

impl JobResult {
    /// The result of job `job_id`, whose reading this is; `duplicate_of` is the job that it shares it with.
    pub fn of(job_id: JobId, duplicate_of: Option<JobId>, reading: InferenceCompleted) -> Self {
        Self {
            job_id,
            top_label: top_label(&reading.findings).map(str::to_owned),
            findings: reading.findings,
            model: Model {
                notice: (!reading.model.trained).then_some(UNTRAINED),
                identity: reading.model,
                engine: Engine::from(reading.engine),
            },
            duplicate_of,
            reading_id: reading.reading_id,
            activation_maps: reading.activation_maps,
            region: reading.region,
            pixel_digest: reading.pixel_digest,
            times: reading.times,
            notices: reading.notices,
            reused_from: reading.reused_from,
        }
    }

    /// The job whose reading it shares.
    pub fn duplicate_of(&self) -> Option<JobId> {
        self.duplicate_of
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
    use hilum_events::{Event, samples};
    use serde_json::json;

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

    #[test]
    fn a_shared_reading_names_the_job_it_is_shared_with_and_an_untrained_model_says_so() {
        let Event::InferenceCompleted(reading) = samples::inference_completed(1, "a", 0).event else {
            panic!()
        };
        let shared = JobResult::of(samples::job_id(2), Some(samples::job_id(1)), reading);
        let answer = json!(shared);
        assert_eq!(
            (&answer["job_id"], &answer["duplicate_of"]),
            (&json!(samples::job_id(2)), &json!(samples::job_id(1)))
        );
        assert_eq!(
            (&answer["model"]["name"], &answer["model"]["engine"]),
            (&json!("densenet121-demo"), &json!("tch"))
        );
        assert!(answer["model"]["notice"].as_str().unwrap().starts_with("UNTRAINED"));
    }
}
