//! What the API offers to operators for what the log has lost.

use futures::future::BoxFuture;
use hilum_api::{LossAcceptance, Losses};
use hilum_events::LogLossAccepted;
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;

const PATH: [&str; 4] = ["v1", "ops", "log", "losses"];

impl Client {
    /// `GET /v1/ops/log/losses`.
    pub fn losses(&self) -> BoxFuture<'_, Result<Answer<Losses>, Error>> {
        Box::pin(async move { self.get(&PATH, &[]).await })
    }

    /// `POST /v1/ops/log/losses`, of the positions from the first to the last.
    pub fn accept_loss<'a>(
        &'a self,
        (first_seq, last_seq): (u64, u64),
        by: &'a str,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Answer<LogLossAccepted>, Error>> {
        Box::pin(async move {
            let said = LossAcceptance { first_seq, last_seq, by: by.to_owned(), why: why.to_owned() };
            let request = || self.request(Method::POST, &PATH, &[]).json(&said);
            self.read(self.send(request).await?).await
        })
    }
}
