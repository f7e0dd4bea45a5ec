//! What the API offers to operators for dead letters.

use reqwest::Method;
use serde_json::{Value, json};

use super::Client;
use crate::error::Error;

/// What an operator decides about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Try it again.
    Redrive,
    /// Do not.
    Discard,
}

impl Decision {
    /// As the API names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    /// What has become of the dead letter then.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Discard => "discarded",
        }
    }
}

impl Client {
    /// `GET /v1/ops/dlq`.
    pub(crate) async fn dead_letters(&self, query: &[(&str, String)]) -> Result<Value, Error> {
        self.get(&["v1", "ops", "dlq"], query).await
    }

    /// `GET /v1/ops/dlq/{id}`.
    pub(crate) async fn dead_letter(&self, id: u64) -> Result<Value, Error> {
        self.get(&["v1", "ops", "dlq", &id.to_string()], &[]).await
    }

    /// `POST /v1/ops/dlq/{id}/redrive` or `…/discard`. Sending it twice does no harm.
    pub(crate) async fn decide(
        &self,
        id: u64,
        decision: Decision,
        by: &str,
        why: &str,
    ) -> Result<Value, Error> {
        let id = id.to_string();
        let path = ["v1", "ops", "dlq", &id, decision.as_str()];
        let said = json!({ "by": by, "why": why });
        let request = || self.request(Method::POST, &path, &[]).json(&said);
        self.read(self.send(request).await?).await
    }
}
