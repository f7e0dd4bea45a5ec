//! Calls of the HTTP API as a sender makes them.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::stack::{Stack, workspace};
use crate::until_some;

/// A sample image of the repository.
pub fn sample(name: &str) -> PathBuf {
    workspace().join("tests/data/images").join(name)
}

/// What a sender sends.
#[derive(Debug, Clone)]
pub struct Upload {
    bytes: Vec<u8>,
    fields: Vec<(&'static str, String)>,
}

impl Upload {
    /// The bytes of a file.
    pub fn file(path: &Path) -> Self {
        Self { bytes: std::fs::read(path).unwrap(), fields: Vec::new() }
    }

    /// A sample image of the repository.
    pub fn sample(name: &str) -> Self {
        Self::file(&sample(name))
    }

    /// These bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), fields: Vec::new() }
    }

    /// With a text field.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.to_owned()));
        self
    }

    fn form(self) -> Form {
        let mut form = Form::new();
        for (name, value) in self.fields {
            form = form.text(name, value);
        }
        form.part("image", Part::bytes(self.bytes).file_name("image"))
    }
}

impl Stack {
    /// Sends an upload; gives status and body of the answer.
    pub async fn post(&self, upload: Upload) -> (StatusCode, Value) {
        let url = format!("{}/v1/jobs", self.ingest_url());
        let answer = self.http.post(url).multipart(upload.form()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Sends an upload that must be accepted; gives the job id.
    pub async fn submit(&self, upload: Upload) -> String {
        let (status, answer) = self.post(upload).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["job_id"].as_str().unwrap().to_owned()
    }

    /// Sends an upload again and again until it is accepted: what a sender does when a service is away.
    pub async fn submit_stubbornly(&self, upload: Upload) -> String {
        let url = format!("{}/v1/jobs", self.ingest_url());
        until_some("acceptance", || async {
            let sent = self.http.post(&url).multipart(upload.clone().form()).send().await.ok()?;
            let accepted = sent.status() == StatusCode::ACCEPTED;
            let answer: Value = sent.json().await.ok()?;
            accepted.then(|| answer["job_id"].as_str().unwrap().to_owned())
        })
        .await
    }

    /// Asks the query API.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.http.get(format!("{}{path}", self.query_url())).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Waits until a job has ended; gives its final state.
    pub async fn ended(&self, job_id: &str) -> Value {
        let url = format!("{}/v1/jobs/{job_id}?wait=10s", self.query_url());
        until_some("the end of a job", || async {
            let answer = self.http.get(&url).send().await.ok()?;
            let status = answer.status();
            assert_ne!(status, StatusCode::NOT_FOUND, "a job that got its 202 is never answered 404");
            let job: Value = answer.json().await.ok()?;
            matches!(job["status"].as_str(), Some("COMPLETED" | "FAILED")).then_some(job)
        })
        .await
    }

    /// The result of a job that must have completed.
    pub async fn result(&self, job_id: &str) -> Value {
        let job = self.ended(job_id).await;
        assert_eq!(job["status"], "COMPLETED", "{job}");
        let (status, result) = self.get(&format!("/v1/jobs/{job_id}/result")).await;
        assert_eq!(status, StatusCode::OK, "{result}");
        result
    }

    /// Waits for revision `revision` of a study's report.
    pub async fn report(&self, study: &str, revision: u32) -> Value {
        let path = format!("/v1/studies/{study}/report?format=json&revision={revision}");
        until_some("a report", || async {
            let (status, report) = self.get(&path).await;
            (status == StatusCode::OK).then_some(report)
        })
        .await
    }
}
