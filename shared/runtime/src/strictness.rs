//! What every request has to keep to, whichever page it asks for: an address without control characters, a body as it is,
//! and bytes that come.

use std::future::{Ready, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Problem, ProblemType};

use crate::watched_body::{Stall, WatchedBody};

/// The same pages, for requests that keep to the rules. A body of which no byte comes for `silence_limit` while the page
/// waits for it is answered 408.
pub fn strict(router: Router, silence_limit: Duration) -> Router {
    router.layer(from_fn(move |request, next| keep_to_rules(request, next, silence_limit)))
}

async fn keep_to_rules(request: Request, next: Next, silence_limit: Duration) -> Response {
    if has_control_characters(request.uri()) {
        let detail = "the address has an encoded control character, such as %00; names and ids have none";
        return Problem::new(ProblemType::Malformed, detail).into_response();
    }
    if !is_utf8(request.uri()) {
        let detail = "the address has bytes that are no UTF-8, such as %FF; names and ids have none";
        return Problem::new(ProblemType::Malformed, detail).into_response();
    }
    if is_encoded(request.headers(), &header::CONTENT_ENCODING) {
        return encoded();
    }
    let stall = Stall::default();
    let request = request.map(|body| Body::new(WatchedBody::new(body, silence_limit, stall.clone())));
    let response = next.run(request).await;
    // Whatever the page made of a body without an end.
    if stall.happened() && response.status() != StatusCode::REQUEST_TIMEOUT {
        return Problem::stalled(silence_limit).into_response();
    }
    response
}

/// Middleware: refuses a query, for a request that reads none. What a sender says there would not be heard.
///
/// # Errors
/// When there is one.
pub fn no_query(request: Request) -> Ready<Result<Request, Problem>> {
    if request.uri().query().is_none_or(str::is_empty) {
        return ready(Ok(request));
    }
    let detail = "this request takes no query parameters; say it in the body as /openapi.json tells";
    ready(Err(Problem::new(ProblemType::Malformed, detail)))
}

/// Whether the header `name`, such as Content-Encoding, names anything but `identity`.
pub fn is_encoded(headers: &HeaderMap, name: &HeaderName) -> bool {
    let codings = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

fn encoded() -> Response {
    let detail =
        "the body is compressed, as its Content-Encoding says; send it as it is, without that header";
    let mut response = Problem::new(ProblemType::UnsupportedEncoding, detail).into_response();
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

/// Whether path or query have any, as they are or percent-encoded.
fn has_control_characters(uri: &Uri) -> bool {
    let parts = [uri.path(), uri.query().unwrap_or_default()];
    parts.iter().any(|part| decoded(part.as_bytes()).any(|byte| byte.is_ascii_control()))
}

/// Whether the path is, decoded. A page could not read it, and would not answer by a problem.
fn is_utf8(uri: &Uri) -> bool {
    String::from_utf8(decoded(uri.path().as_bytes()).collect()).is_ok()
}

fn decoded(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |place: usize| char::from(*bytes.get(place)?).to_digit(16);
    let mut place = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(place)?;
        place += 1;
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(place), digit(place + 1))
        {
            place += 2;
            return Some((high * 16 + low) as u8);
        }
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(address: &str) -> bool {
        has_control_characters(&address.parse().unwrap())
    }

    #[test]
    fn control_characters_are_found_however_they_are_written() {
        for address in ["/a%00", "/%00/b", "/a?x=%00", "/a%0d%0A", "/%7f", "/a%1F", "/a?%0a=1"] {
            assert!(is_refused(address), "{address}");
        }
        for address in ["/", "/a%20b", "/%2500", "/a%", "/a%0", "/a%zz", "/%c3%a9?x=%20+%ff", "/a?x=%2500"] {
            assert!(!is_refused(address), "{address}");
        }
    }

    #[test]
    fn paths_are_utf8_once_they_are_decoded() {
        for (address, expected) in
            [("/a%20b", true), ("/%c3%a9", true), ("/%ff", false), ("/v1/jobs/%C3", false)]
        {
            assert_eq!(is_utf8(&address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn only_identity_is_no_encoding() {
        let is_encoded = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            super::is_encoded(&headers, &header::CONTENT_ENCODING)
        };
        for values in [&[][..], &["identity"], &["Identity , identity"], &[""], &["identity", "identity"]] {
            assert!(!is_encoded(values), "{values:?}");
        }
        for values in [&["gzip"][..], &["identity, gzip"], &["identity", "br"], &["x-gzip"], &["aws-chunked"]]
        {
            assert!(is_encoded(values), "{values:?}");
        }
    }
}
