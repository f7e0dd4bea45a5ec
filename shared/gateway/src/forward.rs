//! Passes a request on and its answer back, as they stream in.

use std::error::Error;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, Version, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Problem, ProblemType};
use hilum_runtime::{holding, with_causes};

use crate::destination::Destination;
use crate::gateway::Gateway;

/// Headers that speak of one connection only (RFC 9110, 7.6.1). `expect` is answered by the gateway itself.
const OF_ONE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// Uploads and what closes a study.
pub(crate) async fn to_ingest(State(gateway): State<Gateway>, request: Request) -> Response {
    gateway.forward(&gateway.ingest, request).await
}

/// Notifications of object stores.
pub(crate) async fn to_watch(State(gateway): State<Gateway>, request: Request) -> Response {
    match &gateway.watch {
        Some(watch) => gateway.forward(watch, request).await,
        None => {
            Problem::not_found("no watch is configured here, so no notification is taken").into_response()
        }
    }
}

/// Objects by DICOMweb.
pub(crate) async fn to_dicomweb(State(gateway): State<Gateway>, request: Request) -> Response {
    match &gateway.dicomweb {
        Some(dicomweb) => gateway.forward(dicomweb, request).await,
        None => {
            Problem::not_found("no DICOMweb is taken here; `hilum up --dicomweb` takes it").into_response()
        }
    }
}

/// Questions.
pub(crate) async fn to_projection(State(gateway): State<Gateway>, request: Request) -> Response {
    let Ok(question) = gateway.questions.clone().try_acquire_owned() else { return full() };
    let response = gateway.forward(&gateway.projection, request).await;
    response.map(|body| holding(body, question))
}

impl Gateway {
    async fn forward(&self, to: &Destination, request: Request) -> Response {
        let service = to.name();
        let Some(request) = to.authority().and_then(|authority| readdressed(request, authority)) else {
            return away(service, "has not started yet");
        };
        match self.client.request(request).await {
            Ok(response) => {
                let class = format!("{}xx", response.status().as_u16() / 100);
                metrics::counter!("hilum_gateway_requests_total", "service" => service, "status" => class)
                    .increment(1);
                let mut response = response.map(Body::new);
                strip(response.headers_mut());
                response
            }
            // The request did not come to its end; nobody is there to be told.
            Err(error) if is_of_the_client(&error) => {
                metrics::counter!("hilum_gateway_requests_total", "service" => service, "status" => "broken-off")
                    .increment(1);
                let detail = "the request broke off before its end; send it again";
                Problem::new(ProblemType::BrokenOff, detail).into_response()
            }
            Err(error) => {
                tracing::warn!(service, error = with_causes(&error), "no answer");
                away(service, "does not answer; it is started again if it has ended")
            }
        }
    }
}

/// Whether a request ended because its body did, and not by the service.
fn is_of_the_client(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user))
}

fn readdressed(request: Request, authority: Authority) -> Option<Request> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = Uri::builder().scheme("http").authority(authority).path_and_query(path).build().ok()?;
    head.version = Version::HTTP_11;
    strip(&mut head.headers);
    Some(Request::from_parts(head, Body::new(hilum_runtime::LingeringBody::new(body))))
}

fn strip(headers: &mut HeaderMap) {
    for name in &OF_ONE_CONNECTION {
        headers.remove(name);
    }
}

/// Uploads are taken all the same: they have descriptors of their own.
fn full() -> Response {
    metrics::counter!("hilum_gateway_requests_total", "service" => "projection", "status" => "full")
        .increment(1);
    Problem::unavailable(
        "as many questions are being answered as files and connections may be open here; ask again in a few seconds, or \
         have the operator raise the limit: `hilum doctor` tells it",
    )
    .into_response()
}

fn away(service: &'static str, what: &str) -> Response {
    metrics::counter!("hilum_gateway_requests_total", "service" => service, "status" => "away").increment(1);
    Problem::unavailable(format!(
        "the service {service} {what}; send the request again in a few seconds, sending an image twice does no harm"
    ))
    .into_response()
}
