//! The routes of the door.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hilum_api::{Problem, ProblemType};
use hilum_events::{ImageSource, Way};
use hilum_intake::Refusal;
use hilum_runtime::{is_encoded, linger};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::callers::Sender;
use crate::door::{Door, Shared};
use crate::media::{Answer, Content, answer, content};
use crate::outcome::{Failure, Outcome, status};
use crate::response::warning;
use crate::transaction::Ended;

/// Where objects are sent.
pub const PATH: &str = "/dicom-web/studies";
/// Where objects of one study are sent.
const OF_STUDY: &str = "/dicom-web/studies/{study}";

/// All routes.
pub fn router(door: Door) -> Router {
    let other = || async {
        let detail = "objects are sent here by POST; what is held is asked for at the address of the API";
        Problem::new(ProblemType::MethodNotAllowed, detail)
    };
    Router::new()
        .route(PATH, post(store).fallback(other))
        .route(OF_STUDY, post(store_of_study).fallback(other))
        .fallback(|| async {
            Problem::not_found("there is no such page; objects are sent to /dicom-web/studies")
        })
        // Objects are counted while they stream.
        .layer(DefaultBodyLimit::disable())
        // A sender that is refused early learns why, and its connection serves the next request.
        .layer(axum::middleware::map_request(linger))
        .with_state(Arc::new(door))
}

async fn store(State(door): State<Arc<Door>>, request: Request) -> Response {
    take(door, None, request).await
}

async fn store_of_study(
    State(door): State<Arc<Door>>,
    Path(study): Path<String>,
    request: Request,
) -> Response {
    take(door, Some(study), request).await
}

async fn take(door: Arc<Door>, study: Option<String>, request: Request) -> Response {
    let begun = Instant::now();
    let id = Uuid::now_v7();
    let span = tracing::info_span!("store transaction", %id, otel.kind = "server");
    let response = answered(door, study, id, request).instrument(span).await;
    let code = response.status().as_u16().to_string();
    metrics::histogram!("hilum_dicomweb_store_seconds", "code" => code).record(begun.elapsed());
    response
}

async fn answered(door: Arc<Door>, study: Option<String>, id: Uuid, request: Request) -> Response {
    let (sender, form, content) = match door.look_at(request.headers()) {
        Ok(wanted) => wanted,
        Err(response) => return *response,
    };
    let source = ImageSource {
        sender: sender.name.clone(),
        transfer: Some(id.to_string()),
        ..ImageSource::by(Way::Dicomweb)
    };
    let shared = Shared { sender, source, study };
    let body = request.into_body().into_data_stream();
    let ended = match content {
        Content::One => door.take_one(shared, body).await,
        Content::Parts { boundary } => door.take_parts(shared, &boundary, body).await,
    };
    respond(form, ended)
}

impl Door {
    /// Who sends, how the answer is wanted, and what comes; before the first byte of the body, for whoever is refused had better not
    /// send gigabytes.
    fn look_at(&self, headers: &HeaderMap) -> Result<(Arc<Sender>, Answer, Content), Box<Response>> {
        let sender = self.callers.recognise(headers).ok_or_else(unauthorized)?;
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let form = answer(text(header::ACCEPT)).ok_or_else(|| {
            let detail = "the answer comes as application/dicom+json or application/dicom+xml";
            Problem::new(ProblemType::NotAcceptable, detail).into_response()
        })?;
        if is_encoded(headers, &header::CONTENT_ENCODING) {
            return Err(Refusal::Encoded.into_response().into());
        }
        let content = content(text(header::CONTENT_TYPE))
            .map_err(|detail| Problem::new(ProblemType::UnsupportedType, detail).into_response())?;
        self.intake.check_open().map_err(Refusal::into_response)?;
        Ok((sender, form, content))
    }
}

/// The answer to a request that came to its end, or of which some objects came.
fn respond(form: Answer, Ended { mut outcomes, fault }: Ended) -> Response {
    for outcome in &outcomes {
        let word = match outcome {
            Outcome::Stored { .. } => "stored",
            Outcome::Failed(failure) => failure.word,
        };
        metrics::counter!("hilum_dicomweb_objects_total", "outcome" => word).increment(1);
    }
    match fault {
        // What was stored before is told all the same.
        Some(fault) if !outcomes.is_empty() => {
            fault.note();
            let failure = Failure { comment: fault.to_string(), ..Failure::of_refusal(&fault) };
            outcomes.push(Outcome::Failed(failure));
        }
        Some(fault) => return fault.into_response(),
        None if outcomes.is_empty() => {
            return Refusal::Malformed("the request has no object; send one in each part".to_owned())
                .into_response();
        }
        None => {}
    }
    let (status, retry_after_s) = status(&outcomes);
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: Option<String>| {
        let value = text.and_then(|text| HeaderValue::try_from(text).ok());
        value.map(|value| headers.insert(name, value))
    };
    put(header::CONTENT_TYPE, Some(form.media_type().to_owned()));
    put(header::WARNING, warning(&outcomes));
    put(header::RETRY_AFTER, retry_after_s.map(|seconds| seconds.to_string()));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    tracing::debug!(objects = outcomes.len(), status = status.as_u16(), "store transaction answered");
    (status, headers, form.write(&outcomes)).into_response()
}

fn unauthorized() -> Response {
    metrics::counter!("hilum_dicomweb_objects_total", "outcome" => "unauthorized").increment(1);
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer, Basic realm=\"hilum\"")];
    let text = "the token is missing or wrong; send `Authorization: Bearer TOKEN` with the token of a sender in the file that \
                HILUM_DICOMWEB_SENDERS names\n";
    (StatusCode::UNAUTHORIZED, challenge, text).into_response()
}
