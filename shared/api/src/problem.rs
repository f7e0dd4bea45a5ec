//! Errors of the HTTP API: `application/problem+json`, RFC 9457. Each says what to do.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem_type::ProblemType;

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong with a request, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable word for programs, as a relative URI. `docs/problems.md` has all of them as headings.
    #[serde(rename = "type")]
    #[schema(examples("/problems/not-found"))]
    pub kind: String,
    /// Short, the same for all problems of the type.
    pub title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened this time and what to do.
    pub detail: String,
    /// Seconds after which trying again makes sense; also in the header Retry-After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of the given type, with its usual status.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// Whether it is of this type.
    pub fn is(&self, kind: ProblemType) -> bool {
        self.kind == kind.uri()
    }

    /// The same, with the time after which trying again makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// 503: something Hilum needs is away.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Unavailable, detail).retry_after(2)
    }

    /// 408: no byte of the body came for so long.
    pub fn stalled(silence_limit: Duration) -> Self {
        let detail = format!(
            "no byte of the body came for {} s, so the request was ended and nothing was done; send it again",
            silence_limit.as_secs_f64()
        );
        Self::new(ProblemType::Stalled, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::NotFound, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
