//! `GET /v1/studies/{id}/report`: a report in the form that is asked for. What was stored is given as it was issued,
//! verified; other forms are made of the document.

mod accept;
mod refusal;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::{Problem, ProblemType, ReportForm, ReportLanguage, problems};
use hilum_events::{BlobRef, Sha256Digest, Site, StudyId};
use hilum_forms::{Format, Language};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::Api;
use super::error::{bad_request, database};
use super::params::{Params, Wait};
use crate::queries::StoredReport;
use accept::accepted;
use refusal::{not_made, not_stored};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Needed when several sites have a study of this name, and for a DICOM Study Instance UID.
    #[param(value_type = Option<Site>)]
    site: Option<String>,
    /// The latest when absent.
    #[param(minimum = 1)]
    revision: Option<u32>,
    /// Else by the Accept header, else JSON.
    #[param(value_type = Option<ReportForm>, inline)]
    format: Option<Format>,
    /// The language of the page and of the PDF, English when absent; other forms are the same in every language.
    #[param(value_type = Option<ReportLanguage>, inline)]
    lang: Option<String>,
    /// Which file of a form that has several, from 1; the header hilum-report-parts says how many there are. Only dicom-sc can
    /// have several: one for each content that was read.
    #[serde(default = "first")]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    part: usize,
    /// How long to hold the answer back until there is a report: 30s, 500ms, 1m or 30 (seconds); 60 seconds at most.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "30s")]
    wait: Wait,
}

fn first() -> usize {
    1
}

/// In which form and language.
#[derive(Debug, Clone, Copy)]
struct Shape {
    format: Format,
    language: Language,
}

/// A report in one form.
struct Answer {
    bytes: Bytes,
    /// `None` for bytes that may be others the next time.
    tag: Option<Sha256Digest>,
    /// How many files the form has.
    parts: usize,
}

problems!(
    ShowProblems: BadRequest, NotFound, NotAcceptable, ReportNotIssued, NoDicomObject, NothingRead, AmbiguousStudy
);

/// The report of a study
///
/// The document as it was issued, verified by its hash, which is also its ETag; all other forms are made of it, the page and the
/// PDF also of the stored pictures, when they are asked for, and their ETag stays the same as long as their bytes do.
/// docs/reports.md says what stands for what in FHIR and HL7. The header hilum-report-revision names the revision.
#[utoipa::path(
    get,
    path = "/v1/studies/{id}/report",
    operation_id = "showReport",
    tag = "studies",
    params(("id" = String, Path, description = "the study's id, or the name its sender gave it"), Wanted),
    responses(
        (
            status = 200,
            description = "the report",
            content(
                (Object = "application/json"),
                (String = "text/html"),
                (Vec<u8> = "application/pdf"),
                (Object = "application/fhir+json"),
                (String = "application/hl7-v2"),
                (Vec<u8> = "application/dicom"),
            ),
            headers(
                ("hilum-report-revision" = u32, description = "the revision"),
                ("hilum-report-parts" = u32, description = "how many files the form has"),
                ("ETag" = String, description = "names these bytes"),
                ("Content-Language" = String, description = "of forms that have a language"),
            )
        ),
        (status = 304, description = "If-None-Match names the ETag that it has"),
        ShowProblems,
    )
)]
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
    let shape = Shape { format, language: language(wanted.lang.as_deref())? };
    let study_id = api.study(&name, wanted.site.as_deref()).await?.study_id;
    let report = issued(&api, study_id, &wanted).await?;
    let revision = (HeaderName::from_static("hilum-report-revision"), report.revision.revision.to_string());
    let tag = of_part(tag(shape, &report), wanted.part);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [revision, etag(&tag)]).into_response());
    }
    let answer = answer(&api, shape, &report, wanted.part, tag).await?;
    let fixed = [
        (header::CONTENT_TYPE, format.media_type()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A report needs no script and nothing from elsewhere.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    ];
    let tag = answer.tag.as_ref().map(|tag| [etag(tag)]);
    let language = format.has_languages().then(|| [(header::CONTENT_LANGUAGE, shape.language.tag())]);
    let parts = (HeaderName::from_static("hilum-report-parts"), answer.parts.to_string());
    // What names a patient is for whoever asked, and no cache between.
    let private = format.names_patient().then_some([(header::CACHE_CONTROL, "private")]);
    Ok((fixed, [revision, parts], language, private, tag, answer.bytes).into_response())
}

fn language(tag: Option<&str>) -> Result<Language, Problem> {
    let Some(tag) = tag else { return Ok(Language::default()) };
    Language::from_tag(tag).ok_or_else(|| {
        let tags = Language::ALL.map(Language::tag).join(" or ");
        bad_request(format!("lang must be {tags}"))
    })
}

/// The page that reports of the first version kept, if that is what is wanted.
fn kept_page(shape: Shape, report: &StoredReport) -> Option<&BlobRef> {
    let is_it = shape.format == Format::Html && shape.language == Language::English;
    report.html.as_ref().filter(|_| is_it)
}

/// Names the bytes of a form without making them.
fn tag(shape: Shape, report: &StoredReport) -> Sha256Digest {
    let made = || shape.format.tag(&report.json.sha256, shape.language);
    kept_page(shape, report).map_or_else(made, |kept| kept.sha256)
}

/// Names the bytes of one of a form's files.
fn of_part(tag: Sha256Digest, part: usize) -> Sha256Digest {
    if part == 1 { tag } else { Sha256Digest::of(format!("{tag}/part {part}").as_bytes()) }
}

async fn answer(
    api: &Api,
    shape: Shape,
    report: &StoredReport,
    part: usize,
    tag: Sha256Digest,
) -> Result<Answer, Problem> {
    if let Some(kept) = kept_page(shape, report) {
        let bytes = api.blobs.get(kept).await.map_err(|error| not_stored(kept, &error))?;
        return Ok(Answer { bytes, tag: Some(tag), parts: 1 });
    }
    let (json, Shape { format, language }) = (&report.json, shape);
    let made = match api.maker.free_turn() {
        _ if format == Format::Json => api.maker.make(json, format, language).await,
        Some(turn) => api.maker.make_at(turn, json, format, language).await,
        None => {
            let _place = api.place_to_wait()?;
            api.maker.make(json, format, language).await
        }
    };
    let made = made.map_err(|error| not_made(json, &error))?;
    let parts = made.files.len();
    let file = part.checked_sub(1).and_then(|index| made.files.into_iter().nth(index));
    let bytes = file.ok_or_else(|| no_such_part(parts))?;
    Ok(Answer { bytes, tag: made.is_whole.then_some(tag), parts })
}

fn etag(tag: &Sha256Digest) -> (HeaderName, String) {
    (header::ETAG, format!("\"{tag}\""))
}

/// Whether the client says that it has these bytes (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, tag: &Sha256Digest) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let tag = format!("\"{tag}\"");
    let is_it = |listed: &str| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag;
    known.flat_map(|value| value.split(',').map(str::trim)).any(is_it)
}

/// The revision that is wanted, else the latest; waits for it if asked to.
async fn issued(api: &Api, study_id: StudyId, wanted: &Wanted) -> Result<StoredReport, Problem> {
    let deadline = Instant::now() + wanted.wait.0;
    let mut changes = api.progress.changes();
    let mut place = None;
    loop {
        let mut reports = api.queries.reports(study_id).await.map_err(database)?;
        let latest = reports.last().map(|report| report.revision.revision);
        reports.retain(|report| wanted.revision.is_none_or(|revision| report.revision.revision == revision));
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

fn no_such_part(parts: usize) -> Problem {
    match parts {
        0 => Problem::new(
            ProblemType::NothingRead,
            "no image of the study was read; another form tells why: ?format=dicom-sr or ?format=html",
        ),
        1 => Problem::not_found("this form of the report has one file only"),
        parts => Problem::not_found(format!("this form of the report has the parts 1 to {parts}")),
    }
}

fn not_issued(latest: Option<u32>) -> Problem {
    match latest {
        None => Problem::new(
            ProblemType::ReportNotIssued,
            "it is issued when all images of the study have an outcome and the study is complete: all that was announced \
             or expected came, it was closed, or no more came for a while; add ?wait=30s to wait for it",
        ),
        Some(latest) => {
            Problem::not_found(format!("the report has no such revision; the latest is {latest}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_has_is_told_by_its_tag_in_every_way_it_may_be_listed() {
        let (tag, other) = (Sha256Digest::of(b"one"), Sha256Digest::of(b"other"));
        let known = |listed: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, listed.parse().unwrap());
            is_known(&headers, &tag)
        };
        assert!(
            known(format!("\"{tag}\""))
                && known(format!("\"{other}\", W/\"{tag}\""))
                && known("*".to_owned())
        );
        assert!(!known(format!("\"{other}\"")) && !known(tag.to_string()) && !known(String::new()));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
