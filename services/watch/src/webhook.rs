//! The page at which object stores tell of objects by HTTP. What it answers 200 is taken in, or durable in the queue.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hilum_api::{Problem, ProblemType};
use hilum_intake::Token;
use hilum_runtime::{BodyFault, linger};
use reqwest::{Client, Url};

use crate::at_once::AtOnce;
use crate::body::{Body, Confirmation, Objects, read};
use crate::inlet::Inlet;

/// Where the page is.
pub const PATH: &str = "/notifications";
/// Longest body, bytes.
const MOST_BYTES: usize = 1 << 20;
/// What SNS may take to be confirmed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);

/// The page. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Webhook {
    inlet: Inlet,
    at_once: AtOnce,
    token: Token,
    client: Client,
    sns_endpoint: Option<Url>,
}

impl Webhook {
    /// The page for senders with `token`.
    ///
    /// # Errors
    /// When no client can be made that confirms subscriptions.
    pub(crate) fn new(
        inlet: Inlet,
        at_once: AtOnce,
        token: Token,
        sns_endpoint: Option<Url>,
    ) -> Result<Self, reqwest::Error> {
        let client =
            hilum_runtime::http_client().timeout(CONFIRM_LIMIT).redirect(reqwest::redirect::Policy::none());
        Ok(Self { inlet, at_once, token, client: client.build()?, sns_endpoint })
    }

    /// Its route.
    pub(crate) fn router(self) -> Router {
        // Stores look first whether there is anybody.
        let route = post(receive).head(async || StatusCode::OK);
        let router = Router::new().route(PATH, route).layer(DefaultBodyLimit::max(MOST_BYTES));
        // A sender that is refused early learns why.
        router.layer(axum::middleware::map_request(linger)).with_state(self)
    }

    async fn take(&self, body: &Bytes) -> Result<&'static str, Response> {
        match read(body) {
            Ok(Body::Nothing) => Ok("nothing"),
            Ok(Body::Objects(objects)) => {
                if let Objects { came, broken, ignored: 0 } = &objects
                    && came.is_empty()
                    && let Some(first) = broken.first()
                {
                    // Nothing of it can be read: its sender has to know.
                    let detail = format!("{first}; send what the object store sends, as it is");
                    return Err(Problem::new(ProblemType::Malformed, detail).into_response());
                }
                // As object stores send them: one in each request.
                if let Objects { came, broken, .. } = &objects
                    && broken.is_empty()
                    && let [only] = &came[..]
                    && self.at_once.take(only).await
                {
                    return Ok("at-once");
                }
                self.inlet.take(objects, body).await.map_err(|error| {
                    tracing::debug!(error = &error as &dyn Error, "a notification could not be queued");
                    Problem::unavailable("the queue of notifications is away; send it again").into_response()
                })?;
                Ok("taken")
            }
            Ok(Body::Confirmation(confirmation)) => self.confirm(&confirmation).await,
            Err(unknown) => Err(Problem::new(ProblemType::Malformed, unknown.to_string()).into_response()),
        }
    }

    async fn confirm(&self, confirmation: &Confirmation) -> Result<&'static str, Response> {
        let Some(address) = confirmation.address(self.sns_endpoint.as_ref()) else {
            let detail = "the SubscribeURL is no address of SNS; if yours is elsewhere, name it with sns_endpoint in the \
                file of watches";
            return Err(Problem::new(ProblemType::Malformed, detail).into_response());
        };
        let asked = self.client.get(address).send().await.and_then(reqwest::Response::error_for_status);
        match asked {
            Ok(_) => {
                tracing::info!("a subscription of SNS was confirmed");
                Ok("confirmed")
            }
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(error = &error as &dyn Error, "a subscription of SNS could not be confirmed");
                Err(Problem::unavailable("SNS could not be asked to confirm; send it again").into_response())
            }
        }
    }
}

async fn receive(State(page): State<Webhook>, request: Request) -> Response {
    // Nothing is read of who may not send.
    let outcome = if page.token.is_in(request.headers()) {
        match Bytes::from_request(request, &()).await {
            Ok(body) => page.take(&body).await,
            Err(rejection) => Err(unread(&rejection)),
        }
    } else {
        Err(unauthorized())
    };
    let (word, response) = match outcome {
        Ok(word) => (word, StatusCode::OK.into_response()),
        Err(response) if response.status() == StatusCode::UNAUTHORIZED => ("unauthorized", response),
        Err(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => ("away", response),
        Err(response) => ("refused", response),
    };
    metrics::counter!("hilum_watch_webhook_total", "outcome" => word).increment(1);
    response
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer, Basic realm=\"hilum\"")];
    let text = "the token is missing or wrong; send `Authorization: Bearer TOKEN`, or TOKEN as the password of any user, with the \
        token in the file that HILUM_WATCH_TOKEN_FILE names\n";
    (StatusCode::UNAUTHORIZED, challenge, text).into_response()
}

fn unread(rejection: &BytesRejection) -> Response {
    if let Some(BodyFault::BrokenOff(_)) = BodyFault::among(rejection) {
        return Problem::new(ProblemType::BrokenOff, "the notification broke off; send it again")
            .into_response();
    }
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = "the notification is longer than 1 MiB, which no object store sends";
        return Problem { status: 413, ..Problem::new(ProblemType::BadRequest, detail) }.into_response();
    }
    Problem::new(ProblemType::Malformed, "the notification can't be read; send it again").into_response()
}
