//! What the API offers to operators for what the log has lost.

use reqwest::Method;
use serde_json::{Value, json};

use super::Client;
use crate::error::Error;

const PATH: [&str; 4] = ["v1", "ops", "log", "losses"];

impl Client {
    /// `GET /v1/ops/log/losses`.
    pub(crate) async fn losses(&self) -> Result<Value, Error> {
        self.get(&PATH, &[]).await
    }

    /// `POST /v1/ops/log/losses`, of the positions from the first to the last.
    pub(crate) async fn accept_loss(
        &self,
        (first_seq, last_seq): (u64, u64),
        by: &str,
        why: &str,
    ) -> Result<Value, Error> {
        let said = json!({ "first_seq": first_seq, "last_seq": last_seq, "by": by, "why": why });
        let request = || self.request(Method::POST, &PATH, &[]).json(&said);
        self.read(self.send(request).await?).await
    }
}
