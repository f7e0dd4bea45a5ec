//! What the API offers to operators for dead letters.

use futures::future::BoxFuture;
use hilum_api::{DeadLetter, DeadLetterStory, Decided};
use reqwest::Method;
use serde::Deserialize;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;

/// A page of dead letters, newest first.
#[derive(Debug, Clone, Deserialize)]
pub struct DeadLetterPage {
    /// The dead letters, each as it came.
    pub dead_letters: Vec<Answer<DeadLetter>>,
    /// Where the next page begins; `None` at the end.
    #[serde(default)]
    pub next: Option<u64>,
    /// Messages of the log that the stack can't read.
    pub unreadable: u64,
}

/// What an operator decides about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try it again.
    Redrive,
    /// Do not.
    Discard,
}

impl Decision {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    /// What has become of the dead letter then.
    pub fn past(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Discard => "discarded",
        }
    }
}

impl Client {
    /// `GET /v1/ops/dlq`.
    pub fn dead_letters<'a>(
        &'a self,
        query: &'a [(&'a str, String)],
    ) -> BoxFuture<'a, Result<DeadLetterPage, Error>> {
        Box::pin(async move { self.get(&["v1", "ops", "dlq"], query).await })
    }

    /// `GET /v1/ops/dlq/{id}`.
    pub fn dead_letter(&self, id: u64) -> BoxFuture<'_, Result<Answer<DeadLetterStory>, Error>> {
        Box::pin(async move { self.get(&["v1", "ops", "dlq", &id.to_string()], &[]).await })
    }

    /// `POST /v1/ops/dlq/{id}/redrive` or `…/discard`. Sending it twice does no harm.
    pub fn decide<'a>(
        &'a self,
        id: u64,
        decision: Decision,
        by: &'a str,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Answer<Decided>, Error>> {
        Box::pin(async move {
            let id = id.to_string();
            let path = ["v1", "ops", "dlq", &id, decision.as_str()];
            let said = hilum_api::Decision { by: by.to_owned(), why: why.to_owned() };
            let request = || self.request(Method::POST, &path, &[]).json(&said);
            self.read(self.send(request).await?).await
        })
    }
}
