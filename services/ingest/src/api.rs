//! The routes of the door.

use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use hilum_answers::JobResult;
use hilum_events::{Envelope, Event, JobId, NameError, Sha256Digest, Site, StudyId, StudyRef};
use hilum_runtime::linger;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::Instrument as _;

use crate::manifest::{self, Manifest};
use crate::refusal::Refusal;
use crate::upload::{Accepted, Door};

pub(crate) fn router(door: Door) -> Router {
    Router::new()
        .route("/v1/jobs", post(submit))
        .route("/v1/studies/{id}/close", post(close))
        // The door counts bytes itself while they stream.
        .layer(DefaultBodyLimit::disable())
        .route("/v1/studies/{id}/manifest", post(expect).layer(DefaultBodyLimit::max(manifest::MAX_BYTES)))
        // A sender that is refused early learns why, and its connection serves the next upload.
        .layer(axum::middleware::map_request(linger))
        .with_state(door)
}

/// The body of a 202.
#[derive(Serialize)]
struct Taken {
    job_id: JobId,
    status: &'static str,
    sha256: Sha256Digest,
    study_id: StudyId,
    site: Site,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<JobResult>,
}

/// `POST /v1/jobs`: 202 once object and event are durable.
async fn submit(
    State(door): State<Door>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let begun = std::time::Instant::now();
    let span = tracing::info_span!("upload", otel.kind = "server");
    let form = form.map_err(|_| Refusal::NotMultipart)?;
    let outcome = door.accept(form).instrument(span).await;
    door.gate.note(&outcome);
    let Accepted { stored: Envelope { event, site, .. }, result } = outcome?;
    metrics::histogram!("hilum_ingest_upload_seconds").record(begun.elapsed());
    let Event::ImageStored(image) = event else { unreachable!("the door makes no other fact of an upload") };
    let location = format!("/v1/jobs/{}", image.job_id);
    let body = Taken {
        job_id: image.job_id,
        status: if result.is_some() { "COMPLETED" } else { "QUEUED" },
        sha256: image.image.blob.sha256,
        study_id: image.study_id,
        site,
        duplicate_of: result.as_ref().and_then(JobResult::duplicate_of),
        result,
    };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)))
}

#[derive(Deserialize)]
struct AtSite {
    #[serde(default)]
    site: Option<String>,
}

impl AtSite {
    fn site(self) -> Result<Site, NameError> {
        Ok(self.site.map(|site| site.parse()).transpose()?.unwrap_or_default())
    }
}

/// `POST /v1/studies/{id}/manifest`: 202 once it is in the log.
async fn expect(
    State(door): State<Door>,
    Path(named): Path<String>,
    Query(at): Query<AtSite>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let body = body.map_err(|_| {
        let limit = manifest::MAX_BYTES;
        Refusal::Malformed(format!(
            "the body broke off or is longer than {limit} bytes; send a shorter manifest"
        ))
    })?;
    let manifest = Manifest::read(&body, door.sizes.most)?;
    let site = at.site()?;
    // What is no name of a study would never be met by an image.
    StudyRef::given(&named)?;
    let span = tracing::info_span!("expect study", otel.kind = "server");
    let study_id = door.expect(&named, site, manifest).instrument(span).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "study_id": study_id }))))
}

/// `POST /v1/studies/{id}/close`: 202 once the request is in the log.
async fn close(
    State(door): State<Door>,
    Path(named): Path<String>,
    Query(at): Query<AtSite>,
) -> Result<impl IntoResponse, Refusal> {
    let span = tracing::info_span!("close study", otel.kind = "server");
    let study_id = door.close(&named, &at.site()?).instrument(span).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "study_id": study_id }))))
}

#[cfg(test)]
mod tests;
