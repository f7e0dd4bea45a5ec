//! The routes of the door.

use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use hilum_answers::JobResult;
use hilum_events::{Envelope, Event, JobId, Sha256Digest, Site, StudyId, StudyRef};
use hilum_runtime::{BodyFault, linger};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::Instrument as _;

use crate::manifest::{self, Manifest};
use crate::refusal::{CountsIfBrokenOff, Refusal};
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
    RawQuery(query): RawQuery,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let begun = std::time::Instant::now();
    let span = tracing::info_span!("upload", otel.kind = "server");
    if query.is_some_and(|query| !query.is_empty()) {
        let what = "an upload takes no query parameters; send site, study and priority as fields of the form, before the \
                    image";
        return Err(Refusal::Malformed(what.to_owned()));
    }
    let form = form.map_err(|_| Refusal::NotMultipart)?;
    let counts = CountsIfBrokenOff::begin();
    let outcome = door.accept(form).instrument(span).await;
    counts.answered();
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

/// What the query of a request about a study may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtSite {
    #[serde(default)]
    site: Option<String>,
}

impl AtSite {
    fn site(query: Result<Query<Self>, QueryRejection>) -> Result<Site, Refusal> {
        let what = "the query may have the parameter site, once, and no other";
        let Query(at) = query.map_err(|_| Refusal::Malformed(what.to_owned()))?;
        let named = at.site.filter(|site| !site.is_empty());
        Ok(named.map(|site| site.parse()).transpose()?.unwrap_or_default())
    }
}

/// `POST /v1/studies/{id}/manifest`: 202 once it is in the log.
async fn expect(
    State(door): State<Door>,
    Path(named): Path<String>,
    at: Result<Query<AtSite>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let body = body.map_err(|error| {
        if let Some(BodyFault::BrokenOff(_)) = BodyFault::among(&error) {
            return Refusal::BrokenOff;
        }
        let limit = manifest::MAX_BYTES;
        Refusal::Malformed(format!(
            "the body broke off or is longer than {limit} bytes; send a shorter manifest"
        ))
    })?;
    let manifest = Manifest::read(&body, door.sizes.most)?;
    let site = AtSite::site(at)?;
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
    at: Result<Query<AtSite>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let span = tracing::info_span!("close study", otel.kind = "server");
    let study_id = door.close(&named, &AtSite::site(at)?).instrument(span).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "study_id": study_id }))))
}

#[cfg(test)]
mod tests;
