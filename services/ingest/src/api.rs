//! The routes of the door.

use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Json, Router};
use hilum_api::{Accepted, JobStatus, Manifest, StudyNoted, UploadForm, problems, samples};
use hilum_events::{Envelope, Event, Site, StudyRef};
use hilum_intake::{DurableImage, Refusal};
use hilum_runtime::{BodyFault, linger};
use serde::Deserialize;
use tracing::Instrument as _;
use utoipa::IntoParams;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::broken_off::CountsIfBrokenOff;
use crate::manifest;
use crate::upload::Uploads;

pub(crate) fn router(door: Uploads) -> Router {
    let (router, _) = described();
    // A sender that is refused early learns why, and its connection serves the next upload.
    router.layer(axum::middleware::map_request(linger)).with_state(door)
}

/// The routes, and what their handlers say of themselves.
fn described() -> (Router<Uploads>, OpenApi) {
    // The door counts bytes itself while they stream.
    let streams = DefaultBodyLimit::disable();
    OpenApiRouter::new()
        .routes(routes!(submit).layer(streams))
        .routes(routes!(close).layer(streams))
        .routes(routes!(expect).layer(DefaultBodyLimit::max(manifest::MAX_BYTES)))
        .split_for_parts()
}

problems!(
    SubmitProblems: BrokenOff, Stalled, TooLarge, UnsupportedType, UnreadableImage, StudyFull, Busy, Full, LongWait,
    TooManySites, DiskFull, SenderLimit
);

/// Sends an image in
///
/// The answer comes when the image is durable; its reading follows.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    operation_id = "submitImage",
    tag = "images",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (
            status = 202,
            description = "taken in, and answered if it was read before",
            body = Accepted,
            headers(("Location" = String, description = "the job")),
            example = json!(samples::accepted())
        ),
        SubmitProblems,
    )
)]
async fn submit(
    State(door): State<Uploads>,
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
    door.intake.gate.note(&outcome);
    let DurableImage { stored: Envelope { event, site, .. }, result, .. } = outcome?;
    metrics::histogram!("hilum_ingest_upload_seconds").record(begun.elapsed());
    let Event::ImageStored(image) = event else { unreachable!("the door makes no other fact of an upload") };
    let location = format!("/v1/jobs/{}", image.job_id);
    let body = Accepted {
        job_id: image.job_id,
        status: if result.is_some() { JobStatus::Completed } else { JobStatus::Queued },
        sha256: image.image.blob.sha256,
        study_id: image.study_id,
        site,
        duplicate_of: result.as_ref().and_then(|result| result.duplicate_of),
        result,
    };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)))
}

/// What the query of a request about a study may say.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AtSite {
    /// The study's site, if the study is given by a name; `default` when absent.
    #[serde(default)]
    #[param(value_type = Option<Site>)]
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

problems!(ExpectProblems: BrokenOff, Stalled, NotFound);

/// Says what a study consists of
///
/// Its report is issued as soon as that is there and read. The newest manifest of a study counts. It may come before the first
/// image if it names the study as its images will.
#[utoipa::path(
    post,
    path = "/v1/studies/{id}/manifest",
    operation_id = "expectStudy",
    tag = "studies",
    params(("id" = String, Path, description = "the study's id, or the name its sender gives it"), AtSite),
    request_body(content = Manifest, content_type = "application/json", example = json!(samples::manifest())),
    responses(
        (status = 202, description = "noted", body = StudyNoted, example = json!(samples::study_noted())),
        ExpectProblems,
    )
)]
async fn expect(
    State(door): State<Uploads>,
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
    let manifest = manifest::read(&body, door.intake.sizes.most)?;
    let site = AtSite::site(at)?;
    // What is no name of a study would never be met by an image.
    StudyRef::given(&named)?;
    let span = tracing::info_span!("expect study", otel.kind = "server");
    let study_id = door.expect(&named, site, manifest).instrument(span).await?;
    Ok((StatusCode::ACCEPTED, Json(StudyNoted { study_id })))
}

problems!(CloseProblems: NotFound);

/// Says that no more images of a study will come
///
/// Its report is then issued as soon as all its images have an outcome.
#[utoipa::path(
    post,
    path = "/v1/studies/{id}/close",
    operation_id = "closeStudy",
    tag = "studies",
    params(("id" = String, Path, description = "the study's id, or the name its sender gave it"), AtSite),
    responses(
        (status = 202, description = "noted", body = StudyNoted, example = json!(samples::study_noted())),
        CloseProblems,
    )
)]
async fn close(
    State(door): State<Uploads>,
    Path(named): Path<String>,
    at: Result<Query<AtSite>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let span = tracing::info_span!("close study", otel.kind = "server");
    let study_id = door.close(&named, &AtSite::site(at)?).instrument(span).await?;
    Ok((StatusCode::ACCEPTED, Json(StudyNoted { study_id })))
}

#[cfg(test)]
mod tests;
