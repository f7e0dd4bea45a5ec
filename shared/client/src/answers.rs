//! The API's answers as far as the command line needs them. Fields it does not know are kept for `--json`.

use std::collections::BTreeMap;

use hilum_api::JobStatus;
use hilum_events::{Finding, untrained};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// 202 of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accepted {
    /// The job.
    pub job_id: String,
    /// How far it is: of content that was read before the outcome is known already.
    pub status: JobStatus,
    /// Of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The study it went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_id: Option<String>,
    /// The site it went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The job whose reading it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// What a model said of the same content before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Reading>,
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub job_id: String,
    /// How far it is.
    pub status: JobStatus,
    /// The job whose reading it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The rest.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// The model that made a reading.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// False when its numbers mean nothing.
    #[serde(default = "yes")]
    pub trained: bool,
    /// What to know before the numbers are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// What a model said of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reading {
    /// All labels.
    pub findings: Vec<Finding>,
    /// The model.
    pub model: Model,
    /// The rest.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

impl Accepted {
    /// The job as far as this answer tells.
    pub fn job(&self) -> Job {
        let known = [("sha256", &self.sha256), ("study_id", &self.study_id), ("site", &self.site)];
        let known =
            known.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
        Job {
            job_id: self.job_id.clone(),
            status: self.status,
            duplicate_of: self.duplicate_of.clone(),
            reason: None,
            created_at: None,
            ended_at: None,
            rest: known.collect(),
        }
    }
}

impl Job {
    /// From upload to outcome, seconds.
    pub fn seconds(&self) -> Option<f64> {
        let taken = self.ended_at?.duration_since(self.created_at?);
        Some(taken.as_secs_f64().max(0.0))
    }
}

impl Reading {
    /// Whether another job asked for it.
    pub fn is_shared(&self) -> bool {
        self.rest.contains_key("duplicate_of")
    }

    /// The findings with the highest operating-point scores, highest first. Labels without an operating point
    /// come last, most probable first, as in reports.
    pub fn ranked(&self) -> Vec<&Finding> {
        let mut ranked: Vec<_> = self.findings.iter().collect();
        let score = |finding: &Finding| finding.operating_point_score.unwrap_or(-1.0);
        ranked.sort_by(|a, b| score(b).total_cmp(&score(a)).then(b.probability.total_cmp(&a.probability)));
        ranked
    }

    /// The first `count` of [`Self::ranked`] in words.
    pub fn top(&self, count: usize) -> String {
        let words = |finding: &&Finding| {
            let score = finding.operating_point_score.unwrap_or(finding.probability);
            format!("{} {score:.2}", finding.label)
        };
        self.ranked().iter().take(count).map(words).collect::<Vec<_>>().join(", ")
    }

    /// What to know before the numbers are looked at, set for a model with random weights.
    pub fn notice(&self) -> Option<&str> {
        let untrained = (!self.model.trained).then_some(untrained::IN_ANSWERS);
        self.model.notice.as_deref().or(untrained)
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_findings_are_ranked_and_an_untrained_model_says_so() {
        let text = r#"{"job_id":"j","top_label":"Mass","model":{"name":"m","trained":false},"findings":[
            {"label":"Edema","logit":0,"probability":0.5,"operating_point_score":0.25},
            {"label":"Mass","logit":0,"probability":0.4,"operating_point_score":0.75},
            {"label":"Hernia","logit":0,"probability":0.5,"operating_point_score":null}]}"#;
        let reading: Reading = serde_json::from_str(text).unwrap();
        assert_eq!(reading.top(2), "Mass 0.75, Edema 0.25");
        assert_eq!(reading.ranked()[2].label, "Hernia");
        assert!(reading.notice().unwrap().starts_with("UNTRAINED"));
        assert_eq!(serde_json::to_value(&reading).unwrap()["model"]["name"], "m");
    }

    #[test]
    fn a_job_takes_from_its_creation_to_its_end() {
        let text = r#"{"job_id":"j","status":"IN_PROGRESS","created_at":"2026-01-01T00:00:00Z","other":1}"#;
        let mut job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.status, job.seconds()), (JobStatus::InProgress, None));
        job.ended_at = "2026-01-01T00:00:01.5Z".parse().ok();
        assert_eq!(job.seconds(), Some(1.5));
    }
}
