//! What the API offers to operators for what the log has lost.

use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;

const PATH: [&str; 4] = ["v1", "ops", "log", "losses"];

impl Client {
    /// `GET /v1/ops/log/losses`.
    pub fn losses(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move { self.get(&PATH, &[]).await })
    }

    /// `POST /v1/ops/log/losses`, of the positions from the first to the last.
    pub fn accept_loss<'a>(
        &'a self,
        (first_seq, last_seq): (u64, u64),
        by: &'a str,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Value, Error>> {
        Box::pin(async move {
            let said = json!({ "first_seq": first_seq, "last_seq": last_seq, "by": by, "why": why });
            let request = || self.request(Method::POST, &PATH, &[]).json(&said);
            self.read(self.send(request).await?).await
        })
    }
}
