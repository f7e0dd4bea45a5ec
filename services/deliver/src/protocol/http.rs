//! What is common to targets that speak HTTP: requests with a limit on time and on what is read of the answer, and what an
//! answer's status and headers mean. No word of a target is kept: it may name the patient.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hilum_runtime::http_client;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use super::error::SendError;
use crate::secret::Secret;

/// Longest answer that is read, bytes: a FHIR server's to a report of 200 images has thousands of entries.
const ANSWER_MAX: usize = 16 << 20;
/// Longest time that a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The longest time that a target is left alone, whatever it asks for.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer with as much of its body as is read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The media type, without its parameters, in small letters; may be empty.
    pub(crate) media_type: String,
    /// How long the target wants to be left alone, from `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
    /// Whether the token that was sent may be another one at the next try.
    pub(crate) token_may_change: bool,
}

/// Sends requests, with the bearer token if there is one.
#[derive(Debug)]
pub(crate) struct Caller {
    client: Client,
    token: Option<Secret>,
}

impl Caller {
    /// A caller that follows no redirects: a shipment goes where the settings say or nowhere.
    pub(crate) fn new(token: Option<Secret>, limit: Duration) -> Result<Self, reqwest::Error> {
        let client = http_client()
            .redirect(Policy::none())
            .timeout(limit)
            .connect_timeout(CONNECT_LIMIT.min(limit))
            .user_agent(concat!("hilum/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, token })
    }

    /// Sends the request and reads the answer, whatever its status. A token that was changed in its file since it was
    /// refused is tried at once.
    pub(crate) async fn send(
        &self,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, SendError> {
        let Some(token) = &self.token else { return answer(request(&self.client)).await };
        let used = token.renewed().await;
        let first = answer(request(&self.client).bearer_auth(used.reveal())).await?;
        let renewed = match first.status {
            StatusCode::UNAUTHORIZED => token.renewed().await,
            _ => return Ok(first),
        };
        let last = match renewed == used {
            true => first,
            false => answer(request(&self.client).bearer_auth(renewed.reveal())).await?,
        };
        Ok(Answer { token_may_change: token.may_change(), ..last })
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer, SendError> {
    let response = request.send().await.map_err(unreached)?;
    let status = response.status();
    let headers = response.headers();
    let media_type = text(headers, CONTENT_TYPE).split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let retry_after = retry_after(headers, SystemTime::now());
    let body = read(response).await.map_err(unreached)?;
    Ok(Answer { status, media_type, retry_after, body, token_may_change: false })
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

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).map_or("", str::trim)
}

/// What `Retry-After` says (RFC 9110, 10.2.3). A date counts from the answer's own `Date`: the target's clock may be wrong.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let told = text(headers, RETRY_AFTER);
    let wait = match told.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // More seconds than a number can hold.
        Err(_) if !told.is_empty() && told.bytes().all(|byte| byte.is_ascii_digit()) => LEFT_ALONE_MAX,
        Err(_) => {
            let until = httpdate::parse_http_date(told).ok()?;
            let from = httpdate::parse_http_date(text(headers, DATE)).unwrap_or(now);
            until.duration_since(from).unwrap_or_default()
        }
    };
    Some(wait.min(LEFT_ALONE_MAX))
}

fn unreached(error: reqwest::Error) -> SendError {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it can't be reached"
    } else {
        "the connection broke"
    };
    SendError::failed_because(what, &error)
}

impl Answer {
    /// Whether it says that the request was done. A page for people never does: it comes from a proxy in between.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success() && !self.is_page()
    }

    /// Whether it is HTML.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.media_type.as_str(), "text/html" | "application/xhtml+xml") || is_html(&self.body)
    }

    /// Whether the same request may be taken later.
    fn may_pass(&self) -> bool {
        match self.status {
            StatusCode::UNAUTHORIZED => self.token_may_change,
            status => may_pass(status),
        }
    }
}

/// Whether a document begins as HTML does, after what may stand before its first element.
fn is_html(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 << 10)]);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let after = match rest {
            _ if rest.starts_with("<!--") => rest.split_once("-->"),
            _ if rest.starts_with("<?") => rest.split_once("?>"),
            _ => None,
        };
        match after {
            Some((_, after)) => rest = after.trim_start(),
            None => break,
        }
    }
    let begin: String = rest.chars().take(16).collect::<String>().to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| begin.starts_with(mark))
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

/// The error of an answer that is no success; `code` is what it says in a code of its protocol.
pub(crate) fn not_taken(answer: &Answer, code: Option<&str>) -> SendError {
    let number = answer.status.as_u16();
    let code = code.map(|code| format!(": {code}")).unwrap_or_default();
    let what = match answer.status {
        status if status.is_success() && answer.is_page() => format!(
            "it answered HTTP {number} with a page for people, as a sign-in does; is `url` that of the service?"
        ),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            format!("it is busy: it answered HTTP {number}{code}")
        }
        _ => format!("it answered HTTP {number}{code}"),
    };
    if answer.status.is_success() || answer.may_pass() {
        SendError::Failed { what, source: None, not_before: answer.retry_after }
    } else {
        SendError::Refused { what }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An answer as a target gives it.
    pub(crate) fn answered(status: u16, media_type: &str, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            media_type: media_type.to_owned(),
            retry_after: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
            token_may_change: false,
        }
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_is_not() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let error = not_taken(&answered(status, "", ""), None);
            assert!(matches!(error, SendError::Failed { .. }), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 409, 410, 413, 415, 422] {
            let error = not_taken(&answered(status, "", ""), None);
            assert!(matches!(error, SendError::Refused { .. }), "{status}");
        }
        let renewable = Answer { token_may_change: true, ..answered(401, "", "") };
        assert!(matches!(not_taken(&renewable, None), SendError::Failed { .. }));
    }

    #[test]
    fn a_page_for_people_is_no_success_however_it_begins() {
        for (media_type, body) in [
            ("text/html", ""),
            ("application/xhtml+xml", "<a/>"),
            ("", "<!doctype html><title>Sign in</title>"),
            ("application/json", "\u{feff} \n<!-- proxy -->\r\n<!DOCTYPE HTML PUBLIC \"-//W3C//DTD\">"),
            ("text/plain", "<?xml version=\"1.0\"?><!DOCTYPE html><html/>"),
            ("", "<HTML><body>"),
        ] {
            let answer = answered(200, media_type, body);
            assert!(!answer.is_success(), "{media_type} {body}");
            let error = not_taken(&answer, None);
            assert!(matches!(&error, SendError::Failed { what, .. } if what.contains("page")), "{error}");
        }
        for body in ["", "{}", "ok", "<?xml version=\"1.0\"?><NativeDicomModel/>", "<!-- <html> -->"] {
            assert!(answered(200, "", body).is_success(), "{body}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_clock_of_who_sent_it() {
        let waits = |told: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, told.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(waits("20", date), Some(20));
        assert_eq!(waits(" 0 ", date), Some(0));
        for form in
            ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"]
        {
            assert_eq!(waits(form, date), Some(60), "{form}");
            assert_eq!(waits(form, "Sun, 06 Nov 1994 08:50:07 GMT"), Some(30), "its clock is wrong");
            assert_eq!(waits(form, ""), Some(60), "ours");
            assert_eq!(waits(form, "Mon, 07 Nov 1994 08:50:37 GMT"), Some(0), "it is over");
        }
        for endless in ["999999999", "99999999999999999999999999", "Tue, 31 Dec 2999 23:59:59 GMT"] {
            assert_eq!(waits(endless, date), Some(86_400), "{endless}");
        }
        for odd in ["soon", "-5", "1.5", ""] {
            assert_eq!(waits(odd, date), None, "{odd}");
        }
        let busy = Answer { retry_after: Some(Duration::from_secs(20)), ..answered(429, "", "CANARY") };
        let error = not_taken(&busy, None);
        assert!(matches!(&error, SendError::Failed { not_before: Some(wait), .. } if wait.as_secs() == 20));
        assert_eq!(error.to_string(), "it is busy: it answered HTTP 429");
    }
}
