//! How the services behind the gateway are.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_api::{PartReadiness, Readiness, StackReadiness};

use crate::destination::Destination;

/// A service that takes longer to answer is not ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Knows how the parts behind a gateway are.
pub trait ReadinessProbe: Send + Sync {
    /// Asks all of them.
    fn check(&self) -> BoxFuture<'_, StackReadiness>;
}

/// Asks the two services that a gateway passes requests on to.
#[derive(Debug)]
pub struct BothServices {
    http: reqwest::Client,
    ingest: Destination,
    projection: Destination,
}

impl BothServices {
    /// Asks at these places; ingest is the one that takes uploads.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(ingest: Destination, projection: Destination) -> reqwest::Result<Self> {
        // Services are asked as requests are passed on to them: without a proxy, whatever the environment names.
        Ok(Self { http: hilum_runtime::http_client().no_proxy().build()?, ingest, projection })
    }

    async fn ask(&self, service: &Destination) -> PartReadiness {
        let Some(authority) = service.authority() else {
            return PartReadiness::without("process", "not started yet");
        };
        let asked = tokio::time::timeout(ANSWER_LIMIT, service_readiness(&self.http, authority.as_str()));
        let answer = asked.await.ok().flatten();
        answer.unwrap_or_else(|| PartReadiness::without("process", "does not answer"))
    }
}

impl ReadinessProbe for BothServices {
    fn check(&self) -> BoxFuture<'_, StackReadiness> {
        Box::pin(async move {
            let (ingest, projection) = tokio::join!(self.ask(&self.ingest), self.ask(&self.projection));
            let door = self.ingest.name();
            let parts = [(door, ingest), (self.projection.name(), projection)];
            let parts: BTreeMap<_, _> =
                parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
            StackReadiness::of(parts, door)
        })
    }
}

/// What the `/readyz` of the service at `authority` says; `None` when nothing answers.
pub fn service_readiness<'a>(
    http: &'a reqwest::Client,
    authority: &'a str,
) -> BoxFuture<'a, Option<PartReadiness>> {
    Box::pin(async move {
        let answer = http.get(format!("http://{authority}/readyz")).send().await.ok()?;
        let something_else =
            || PartReadiness::without("process", "answers something else than its readiness");
        Some(answer.json::<Readiness>().await.map_or_else(|_| something_else(), PartReadiness::from))
    })
}
