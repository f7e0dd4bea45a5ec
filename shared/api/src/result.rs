//! What a model says of the image of a job: the answer of `GET /v1/jobs/{id}/result`.

use hilum_events::{
    ActivationMap, AnalysedRegion, Finding, InferenceCompleted, JobId, ModelIdentity, Notice, ReadingId,
    ReadingTimes, Sha256Digest, untrained,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A completed job's reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// The job.
    pub job_id: JobId,
    /// The label with the highest operating-point score; if no label has one, the most probable.
    #[schema(required)]
    pub top_label: Option<String>,
    /// All labels in the model's order.
    pub findings: Vec<Finding>,
    /// The model, and what computed the reading.
    pub model: ResultModel,
    /// The job whose reading it shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<JobId>,
    /// The reading, shared by all jobs with the same content.
    pub reading_id: ReadingId,
    /// Where the logits of the top labels come from.
    pub activation_maps: Vec<ActivationMap>,
    /// The square of the picture that the model saw.
    pub region: AnalysedRegion,
    /// SHA-256 of the decoded pixels.
    pub pixel_digest: Sha256Digest,
    /// Where the time went.
    pub times: ReadingTimes,
    /// What a person who reads the findings should know about the image.
    pub notices: Vec<Notice>,
    /// The reading of the same pixels in another file, which this one took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<ReadingId>,
}

/// The model of a reading, and what computed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultModel {
    /// The model.
    #[serde(flatten)]
    pub identity: ModelIdentity,
    /// Such as `tch`.
    pub engine: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Such as `fp32`.
    pub precision: String,
    /// Such as `cpu`.
    pub device: String,
    /// Set when the network is untrained: its outputs mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

impl JobResult {
    /// The result of job `job_id`, whose reading this is; `duplicate_of` is the job that it shares it with.
    pub fn of(job_id: JobId, duplicate_of: Option<JobId>, reading: InferenceCompleted) -> Self {
        Self {
            job_id,
            top_label: ranked(&reading.findings).first().map(|finding| finding.label.clone()),
            findings: reading.findings,
            model: ResultModel {
                notice: (!reading.model.trained).then(|| untrained::IN_ANSWERS.to_owned()),
                identity: reading.model,
                engine: reading.engine.engine,
                engine_version: reading.engine.version,
                precision: reading.engine.precision,
                device: reading.engine.device,
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

    /// The findings, that of [`Self::top_label`] first; labels without an operating point last, as in reports.
    pub fn ranked(&self) -> Vec<&Finding> {
        ranked(&self.findings)
    }

    /// The first `count` of [`Self::ranked`] in words.
    pub fn top(&self, count: usize) -> String {
        let words = |finding: &&Finding| {
            let score = finding.operating_point_score.unwrap_or(finding.probability);
            format!("{} {score:.2}", finding.label)
        };
        self.ranked().iter().take(count).map(words).collect::<Vec<_>>().join(", ")
    }

    /// What to know before the numbers are looked at: set for an untrained model.
    pub fn notice(&self) -> Option<&str> {
        let untrained = (!self.model.identity.trained).then_some(untrained::IN_ANSWERS);
        self.model.notice.as_deref().or(untrained)
    }
}

/// The highest operating-point score first, which is comparable between labels where probabilities are not. Labels without one
/// come last; among equals the more probable first.
fn ranked(findings: &[Finding]) -> Vec<&Finding> {
    let mut ranked: Vec<_> = findings.iter().collect();
    let score = |finding: &Finding| finding.operating_point_score.unwrap_or(-1.0);
    ranked.sort_by(|a, b| score(b).total_cmp(&score(a)).then(b.probability.total_cmp(&a.probability)));
    ranked
}

#[cfg(test)]
mod tests {
    use hilum_events::{Event, samples};
    use serde_json::json;

    use super::*;

    fn finding(label: &str, probability: f32, operating_point_score: Option<f32>) -> Finding {
        Finding { label: label.to_owned(), logit: 0.0, probability, operating_point_score }
    }

    fn reading() -> InferenceCompleted {
        let Event::InferenceCompleted(reading) = samples::inference_completed(1, "a", 0).event else {
            panic!()
        };
        reading
    }

    fn result(findings: impl Into<Vec<Finding>>) -> JobResult {
        let reading = InferenceCompleted { findings: findings.into(), ..reading() };
        JobResult::of(samples::job_id(1), None, reading)
    }

    #[test]
    fn the_top_label_has_the_highest_operating_point_score() {
        let result =
            result([finding("A", 0.9, Some(0.2)), finding("B", 0.3, Some(0.6)), finding("C", 0.99, None)]);
        assert_eq!(result.top_label.as_deref(), Some("B"));
        assert_eq!(result.top(2), "B 0.60, A 0.20");
        assert_eq!(result.top(9), "B 0.60, A 0.20, C 0.99");
    }

    #[test]
    fn without_thresholds_the_most_probable_label_is_the_top_one() {
        let likeliest = result([finding("A", 0.1, None), finding("B", 0.3, None)]);
        assert_eq!(likeliest.top_label.as_deref(), Some("B"));
        assert_eq!((result([]).top_label, result([]).top(3)), (None, String::new()));
    }

    #[test]
    fn the_numbers_of_an_untrained_model_have_a_notice_whether_or_not_the_answer_has_it() {
        let mut result = result([]);
        assert_eq!(result.notice(), result.model.notice.as_deref());
        result.model.notice = None;
        assert_eq!(result.notice(), Some(untrained::IN_ANSWERS));
        result.model.identity.trained = true;
        assert_eq!(result.notice(), None);
    }

    #[test]
    fn a_shared_reading_names_the_job_it_is_shared_with_and_an_untrained_model_says_so() {
        let shared = JobResult::of(samples::job_id(2), Some(samples::job_id(1)), reading());
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
