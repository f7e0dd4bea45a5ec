//! What is common to targets that speak HTTP: one request with a limit on time and on what is read of the answer.

use std::time::Duration;

use bytes::Bytes;
use hilum_runtime::http_client;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::secret::Secret;
use crate::transport::SendError;

/// Longest answer that is read, bytes.
const ANSWER_MAX: usize = 1 << 20;
/// Longest piece of an answer that is told, characters.
const EXCERPT_MAX: usize = 200;
/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// An answer with as much of its body as is read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A client that follows no redirects: what is delivered goes where the settings say or nowhere.
pub(crate) fn client(limit: Duration) -> Result<Client, reqwest::Error> {
    http_client()
        .redirect(Policy::none())
        .timeout(limit)
        .connect_timeout(CONNECT_LIMIT.min(limit))
        .user_agent(concat!("hilum/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Adds the bearer token, if there is one.
pub(crate) fn with_token(request: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token.reveal()),
        None => request,
    }
}

/// Sends the request and reads the answer, whatever its status.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, SendError> {
    let response = request.send().await.map_err(unreached)?;
    let status = response.status();
    let body = read(response).await.map_err(unreached)?;
    Ok(Answer { status, body })
}

async fn read(mut response: Response) -> Result<Bytes, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_MAX {
            break;
        }
    }
    Ok(body.into())
}

/// Without the address, which the settings know and a log need not.
fn unreached(error: reqwest::Error) -> SendError {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it can't be reached"
    } else {
        "the connection broke"
    };
    SendError::failed_because(what, error.without_url())
}

/// Whether trying again may help when a request was answered with this status.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    let for_now = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::LOCKED,
    ];
    status.is_server_error() || for_now.contains(&status)
}

/// The error of an answer that is no success.
pub(crate) fn refused(status: StatusCode, body: Option<&Bytes>) -> SendError {
    let said = body.map(|body| excerpt(body)).filter(|said| !said.is_empty());
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    let what = format!("it answered HTTP {}{said}", status.as_u16());
    if may_pass(status) { SendError::Failed { what, source: None } } else { SendError::Refused { what } }
}

/// The beginning of what was said, one line without control characters.
pub(crate) fn excerpt(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[..said.len().min(4 * EXCERPT_MAX)]);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    words.join(" ").chars().take(EXCERPT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_is_not() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(may_pass(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 409, 410, 413, 415, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(refused(status, None), SendError::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt(b"no\r\n\x1b[31m such\0 patient"), "no [31m such patient");
        assert_eq!(excerpt(&[b'x'; 10_000]).len(), EXCERPT_MAX);
        assert_eq!(excerpt(&[0xff, b'a']), "\u{fffd}a");
        let error = refused(StatusCode::BAD_REQUEST, Some(&Bytes::from_static(b"no such field")));
        assert_eq!(error.to_string(), "it answered HTTP 400: no such field");
    }
}
