//! The HTTP client for the API. Knows its addresses and answers; shows nothing.

mod answers;
mod content;
mod dead_letters;
mod losses;
mod report;
mod upload;

use std::time::Duration;

use hilum_runtime::Problem;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;
use crate::stack::StackReadiness;

pub(crate) use answers::{Accepted, Job, JobStatus, Reading};
pub(crate) use dead_letters::Decision;
pub(crate) use report::{FetchedReport, ReportFormat, ReportLanguage, ReportQuery};
pub(crate) use upload::{Tags, Upload};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What an answer may take beyond the time it was asked to wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often a request is sent again when the stack says that it is away for the moment.
const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A stack, by its base URL. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the stack at `base`.
    pub(crate) fn new(base: &str) -> Result<Self, Error> {
        let not_a_url = || Error::Url { url: base.to_owned() };
        let base = Url::parse(base).map_err(|_| not_a_url())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(not_a_url());
        }
        let http = hilum_runtime::http_client().connect_timeout(CONNECT_LIMIT).build();
        let http = http.map_err(|source| Error::Unreachable { url: base.to_string(), source })?;
        Ok(Self { http, base })
    }

    /// The base URL.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// `GET /v1/jobs/{id}`; with `wait` it answers when the job has ended or that time has passed.
    pub(crate) async fn job(&self, id: &str, wait: Option<Duration>) -> Result<Job, Error> {
        self.get(&["v1", "jobs", id], &waiting(wait)).await
    }

    /// `GET /v1/jobs/{id}/result`; with `wait` it answers when the job has ended or that time has passed.
    pub(crate) async fn reading(&self, id: &str, wait: Option<Duration>) -> Result<Reading, Error> {
        self.get(&["v1", "jobs", id, "result"], &waiting(wait)).await
    }

    /// `GET /v1/jobs`: a page of jobs.
    pub(crate) async fn jobs(&self, query: &[(&str, String)]) -> Result<Value, Error> {
        self.get(&["v1", "jobs"], query).await
    }

    /// `POST /v1/jobs/{id}/retry`.
    pub(crate) async fn retry(&self, id: &str, by: &str, why: &str) -> Result<Value, Error> {
        let said = json!({ "by": by, "why": why });
        let request = || self.request(Method::POST, &["v1", "jobs", id, "retry"], &[]).json(&said);
        self.read(self.send(request).await?).await
    }

    /// `POST /v1/jobs/{id}/take-out`.
    pub(crate) async fn take_out(&self, id: &str, by: &str, why: &str) -> Result<Value, Error> {
        let said = json!({ "by": by, "why": why });
        let request = || self.request(Method::POST, &["v1", "jobs", id, "take-out"], &[]).json(&said);
        self.read(self.send(request).await?).await
    }

    /// `GET /v1/studies/{id}`, by id or by the sender's name within a site, with the jobs of all pages.
    pub(crate) async fn study(&self, id: &str, site: Option<&str>) -> Result<Value, Error> {
        let mut study: Value = self.get(&["v1", "studies", id], &of_site(site)).await?;
        while let Some(Value::String(next)) = study.as_object_mut().and_then(|study| study.remove("next")) {
            let mut query = of_site(site);
            query.push(("after", next));
            let mut page: Value = self.get(&["v1", "studies", id], &query).await?;
            if let (Some(jobs), Some(more)) = (study["jobs"].as_array_mut(), page["jobs"].as_array_mut()) {
                jobs.append(more);
            }
            if let Some(next) = page.get_mut("next") {
                study["next"] = next.take();
            }
        }
        Ok(study)
    }

    /// `POST /v1/studies/{id}/close`.
    pub(crate) async fn close_study(&self, id: &str, site: Option<&str>) -> Result<Value, Error> {
        let request = || self.request(Method::POST, &["v1", "studies", id, "close"], &of_site(site));
        self.read(self.send(request).await?).await
    }

    /// `POST /v1/studies/{id}/manifest`.
    pub(crate) async fn expect_study(
        &self,
        id: &str,
        site: Option<&str>,
        manifest: &Value,
    ) -> Result<Value, Error> {
        let path = ["v1", "studies", id, "manifest"];
        let request = || self.request(Method::POST, &path, &of_site(site)).json(manifest);
        self.read(self.send(request).await?).await
    }

    /// `GET /readyz`, which answers also while not all is ready.
    pub(crate) async fn readiness(&self) -> Result<StackReadiness, Error> {
        let response = self.request(Method::GET, &["readyz"], &[]).send().await;
        self.read(response.map_err(|source| self.unreachable(source))?).await
    }

    /// Sends what `request` makes; again when the answer is 503 or 429, after the pause it asks for.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let mut tries = 1;
        loop {
            match self.send_once(request()).await {
                Err(Error::Refused { problem }) if is_for_now(&problem) && tries < TRIES => {
                    pause(&problem).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn send_once(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(Error::Refused { problem: Box::new(problem_in(&text, status)) })
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Error> {
        self.read(self.send(|| self.request(Method::GET, path, query)).await?).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let url = response.url().to_string();
        response.json().await.map_err(|source| Error::Answer { url, source })
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let limit = match method {
            Method::GET => ANSWER_LIMIT + asked_wait(query),
            _ => ANSWER_LIMIT,
        };
        self.http.request(method, url).query(query).timeout(limit)
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { url: self.base().to_owned(), source: source.without_url() }
    }
}

/// The problem in an answer; one of our own when whatever answered does not speak RFC 9457.
fn problem_in(text: &str, status: StatusCode) -> Problem {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let title = status.canonical_reason().unwrap_or("refused");
        Problem::new(status, "refused", title, format!("the answer was {status}"))
    })
}

/// Whether the same request may be answered a little later: the stack is away or too busy.
fn is_for_now(problem: &Problem) -> bool {
    matches!(problem.status, 429 | 503)
}

async fn pause(problem: &Problem) {
    let asked = Duration::from_secs(problem.retry_after_s.unwrap_or(2).max(1));
    tokio::time::sleep(asked.min(LONGEST_PAUSE)).await;
}

fn waiting(wait: Option<Duration>) -> Vec<(&'static str, String)> {
    wait.map(|wait| ("wait", format!("{}ms", wait.as_millis()))).into_iter().collect()
}

fn asked_wait(query: &[(&str, String)]) -> Duration {
    let asked = query.iter().find(|(name, _)| *name == "wait");
    let asked_ms = asked.and_then(|(_, text)| text.strip_suffix("ms")?.parse().ok());
    Duration::from_millis(asked_ms.unwrap_or_default())
}

fn of_site(site: Option<&str>) -> Vec<(&'static str, String)> {
    site.map(|site| ("site", site.to_owned())).into_iter().collect()
}

#[cfg(test)]
mod tests;
