//! The connection to one stack: requests, answers, and another try when the stack asks for one.

use std::time::Duration;

use futures::future::BoxFuture;
use hilum_api::{
    Decision, Job, JobResult, Manifest, Problem, Retried, StackReadiness, Study, StudyNoted, TakeOutDecided,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::answer::{Answer, JobPage};
use crate::error::Error;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What an answer may take beyond the time it was asked to wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often a request is sent again when the stack says that it is away for the moment.
pub(crate) const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A stack, by its base URL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the stack at `base`.
    pub fn new(base: &str) -> Result<Self, Error> {
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
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// `GET /v1/jobs/{id}`; with `wait` it answers when the job has ended or that time has passed.
    pub fn job<'a>(
        &'a self,
        id: &'a str,
        wait: Option<Duration>,
    ) -> BoxFuture<'a, Result<Answer<Job>, Error>> {
        Box::pin(async move { self.get(&["v1", "jobs", id], &waiting(wait)).await })
    }

    /// `GET /v1/jobs/{id}/result`; with `wait` it answers when the job has ended or that time has passed.
    pub fn reading<'a>(
        &'a self,
        id: &'a str,
        wait: Option<Duration>,
    ) -> BoxFuture<'a, Result<Answer<JobResult>, Error>> {
        Box::pin(async move { self.get(&["v1", "jobs", id, "result"], &waiting(wait)).await })
    }

    /// `GET /v1/jobs`: a page of jobs.
    pub fn jobs<'a>(&'a self, query: &'a [(&'a str, String)]) -> BoxFuture<'a, Result<JobPage, Error>> {
        Box::pin(async move { self.get(&["v1", "jobs"], query).await })
    }

    async fn decide_about_job<T: DeserializeOwned>(
        &self,
        id: &str,
        what: &str,
        by: &str,
        why: &str,
    ) -> Result<Answer<T>, Error> {
        let said = Decision { by: by.to_owned(), why: why.to_owned() };
        let request = || self.request(Method::POST, &["v1", "jobs", id, what], &[]).json(&said);
        self.read(self.send(request).await?).await
    }

    /// `POST /v1/jobs/{id}/retry`.
    pub fn retry<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Answer<Retried>, Error>> {
        Box::pin(self.decide_about_job(id, "retry", by, why))
    }

    /// `POST /v1/jobs/{id}/take-out`.
    pub fn take_out<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Answer<TakeOutDecided>, Error>> {
        Box::pin(self.decide_about_job(id, "take-out", by, why))
    }

    /// `GET /v1/studies/{id}`, by id or by the sender's name within a site, with the jobs of all pages.
    pub fn study<'a>(
        &'a self,
        id: &'a str,
        site: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Answer<Study>, Error>> {
        Box::pin(async move {
            let path = ["v1", "studies", id];
            let mut study: Answer<Study> = self.get(&path, &of_site(site)).await?;
            while let Some(next) = study.next {
                let mut query = of_site(site);
                query.push(("after", next.to_string()));
                study.append(self.get(&path, &query).await?);
            }
            Ok(study)
        })
    }

    /// `POST /v1/studies/{id}/close`.
    pub fn close_study<'a>(
        &'a self,
        id: &'a str,
        site: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Answer<StudyNoted>, Error>> {
        Box::pin(async move {
            let request = || self.request(Method::POST, &["v1", "studies", id, "close"], &of_site(site));
            self.read(self.send(request).await?).await
        })
    }

    /// `POST /v1/studies/{id}/manifest`.
    pub fn expect_study<'a>(
        &'a self,
        id: &'a str,
        site: Option<&'a str>,
        manifest: &'a Manifest,
    ) -> BoxFuture<'a, Result<Answer<StudyNoted>, Error>> {
        Box::pin(async move {
            let path = ["v1", "studies", id, "manifest"];
            let request = || self.request(Method::POST, &path, &of_site(site)).json(manifest);
            self.read(self.send(request).await?).await
        })
    }

    /// `GET /readyz`, which answers also while not all is ready.
    pub fn readiness(&self) -> BoxFuture<'_, Result<StackReadiness, Error>> {
        Box::pin(async move {
            let response = self.request(Method::GET, &["readyz"], &[]).send().await;
            self.read(response.map_err(|source| self.unreachable(source))?).await
        })
    }

    /// Sends what `request` makes; again when the answer is 503 or 429, after the pause it asks for.
    pub(crate) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
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

    pub(crate) async fn send_once(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(Error::Refused { problem: Box::new(problem_in(&text, status)) })
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Error> {
        self.read(self.send(|| self.request(Method::GET, path, query)).await?).await
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let url = response.url().to_string();
        response.json().await.map_err(|source| Error::Answer { url, source })
    }

    pub(crate) fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
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

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { url: self.base().to_owned(), source: source.without_url() }
    }
}

/// The problem in an answer; one of our own when whatever answered does not speak RFC 9457.
fn problem_in(text: &str, status: StatusCode) -> Problem {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let title = status.canonical_reason().unwrap_or("refused");
        Problem {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: format!("the answer was {status}"),
            retry_after_s: None,
        }
    })
}

/// Whether the same request may be answered a little later: the stack is away or too busy.
fn is_for_now(problem: &Problem) -> bool {
    matches!(problem.status, 429 | 503)
}

pub(crate) async fn pause(problem: &Problem) {
    let asked = Duration::from_secs(problem.retry_after_s.unwrap_or(2).max(1));
    tokio::time::sleep(asked.min(LONGEST_PAUSE)).await;
}

pub(crate) fn waiting(wait: Option<Duration>) -> Vec<(&'static str, String)> {
    wait.map(|wait| ("wait", format!("{}ms", wait.as_millis()))).into_iter().collect()
}

fn asked_wait(query: &[(&str, String)]) -> Duration {
    let asked = query.iter().find(|(name, _)| *name == "wait");
    let asked_ms = asked.and_then(|(_, text)| text.strip_suffix("ms")?.parse().ok());
    Duration::from_millis(asked_ms.unwrap_or_default())
}

pub(crate) fn of_site(site: Option<&str>) -> Vec<(&'static str, String)> {
    site.map(|site| ("site", site.to_owned())).into_iter().collect()
}

#[cfg(test)]
mod tests;
