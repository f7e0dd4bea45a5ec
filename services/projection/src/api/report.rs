//! `GET /v1/studies/{id}/report`: the bytes of a report as they were issued, verified.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hilum_blobs::GetError;
use hilum_events::{BlobRef, StudyId};
use hilum_runtime::Problem;
use serde::Deserialize;
use tokio::time::Instant;

use super::Api;
use super::error::{conflict, database, internal};
use super::params::{Params, Wait};
use crate::queries::Report;

#[derive(Deserialize)]
pub(super) struct Wanted {
    site: Option<String>,
    revision: Option<u32>,
    format: Option<Format>,
    #[serde(default)]
    wait: Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Html,
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = match wanted.format {
        Some(format) => format,
        None => accepted(&headers)?,
    };
    let study_id = api.study(&name, wanted.site.as_deref()).await?.study_id;
    let report = issued(&api, study_id, &wanted).await?;
    let blob = match format {
        Format::Json => &report.json,
        Format::Html => &report.html,
    };
    let bytes = api.blobs.get(blob).await.map_err(|error| not_to_be_had(blob, &error))?;
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::ETAG, format!("\"{}\"", blob.sha256)),
        (HeaderName::from_static("hilum-report-revision"), report.revision.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        // A report needs no script and nothing from elsewhere.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:".to_owned(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// The revision that is wanted, else the latest; waits for it if asked to.
async fn issued(api: &Api, study_id: StudyId, wanted: &Wanted) -> Result<Report, Problem> {
    let deadline = Instant::now() + wanted.wait.0;
    let mut changes = api.progress.changes();
    let mut place = None;
    loop {
        let mut reports = api.queries.reports(study_id).await.map_err(database)?;
        let latest = reports.last().map(|report| report.revision);
        reports.retain(|report| wanted.revision.is_none_or(|revision| report.revision == revision));
        if let Some(report) = reports.pop() {
            return Ok(report);
        }
        if Instant::now() >= deadline || api.shutdown.is_cancelled() {
            return Err(not_issued(latest));
        }
        if place.is_none() {
            place = Some(api.place_to_wait()?);
        }
        api.sleep_until(changes.of(&[study_id.as_uuid()]), deadline).await;
    }
}

fn not_issued(latest: Option<u32>) -> Problem {
    match latest {
        None => conflict(
            "report-not-issued",
            "the report is not issued yet",
            "it is issued when all images of the study have an outcome and no more came for a while, or when \
             the study was closed; add ?wait=30s to wait for it",
        ),
        Some(latest) => {
            Problem::not_found(format!("the report has no such revision; the latest is {latest}"))
        }
    }
}

fn not_to_be_had(blob: &BlobRef, error: &GetError) -> Problem {
    let error_ref: &dyn std::error::Error = error;
    if error.is_transient() {
        tracing::warn!(error = error_ref, key = blob.key, "cannot read a report");
        return Problem::unavailable("the object storage is away; try again, nothing is lost");
    }
    tracing::error!(error = error_ref, key = blob.key, "a report is not what was issued");
    internal("the stored report is missing or damaged and is not shown; tell the operator")
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// What the client likes best, JSON if it has no preference.
fn accepted(headers: &HeaderMap) -> Result<Format, Problem> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()) else {
        return Ok(Format::Json);
    };
    preferred(accept).ok_or_else(|| {
        let detail =
            "the report comes as application/json and as text/html; add ?format=json or ?format=html";
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "not acceptable", detail)
    })
}

/// Picks by the quality values of RFC 9110, the first of equals.
fn preferred(accept: &str) -> Option<Format> {
    let mut best: Option<(f32, Format)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts.next().unwrap_or_default() {
            "application/json" | "application/*" | "*/*" => Format::Json,
            "text/html" | "text/*" => Format::Html,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        let Some(quality) = quality.filter(|quality| *quality > 0.0) else { continue };
        if best.is_none_or(|(found, _)| quality > found) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_likes_best() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(preferred(browser), Some(Format::Html));
        assert_eq!(preferred("*/*"), Some(Format::Json));
        assert_eq!(preferred("text/html;q=0.2, application/json"), Some(Format::Json));
        assert_eq!(preferred("application/pdf"), None);
        assert_eq!(preferred("text/html;q=0"), None);
    }
}
