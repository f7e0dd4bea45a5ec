//! `GET /dicom-web/studies` and the other searches (PS3.18, 10.6).

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, TryStreamExt as _};
use hilum_api::{Problem, ProblemType};
use hilum_events::BlobRef;

use super::refusal::{not_acceptable, not_read, withheld};
use super::{Dicomweb, Named, accept, base};
use crate::api::Api;
use crate::api::error::{bad_request, database};
use crate::api::params::Params;
use crate::dicomweb::access::SEARCH_WITHHELD;
use crate::dicomweb::answer::{Wanted, entry};
use crate::dicomweb::question::{LIMIT_MAX, Refused, Scope, Search};
use crate::dicomweb::{DataSet, Entity, Level, media};
use crate::headers::HeaderError;

/// The most studies, series or instances that are looked through by what their headers say. More are kept in memory.
const CANDIDATES_MAX: u32 = 10_000;
/// Headers read for one request; what comes behind them is read for the next.
const READ_MAX: usize = LIMIT_MAX as usize;
/// Headers read at a time.
const READ_AT_ONCE: usize = 2;

type Parameters = Params<Vec<(String, String)>>;

pub(super) async fn studies(
    State(api): State<Api>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&api, Level::Study, Scope::default(), &parameters.0, &headers).await
}

pub(super) async fn series(
    State(api): State<Api>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&api, Level::Series, Scope::default(), &parameters.0, &headers).await
}

pub(super) async fn instances(
    State(api): State<Api>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&api, Level::Instance, Scope::default(), &parameters.0, &headers).await
}

pub(super) async fn series_within(
    State(api): State<Api>,
    Path(named): Path<Named>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&api, Level::Series, named.into(), &parameters.0, &headers).await
}

pub(super) async fn instances_within(
    State(api): State<Api>,
    Path(named): Path<Named>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answered(&api, Level::Instance, named.into(), &parameters.0, &headers).await
}

async fn answered(
    api: &Api,
    level: Level,
    scope: Scope,
    parameters: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let dicomweb = api.dicomweb()?;
    if !media::takes_json(accept(headers)) {
        return Err(not_acceptable("what is found is told as application/dicom+json"));
    }
    let search =
        Search::read(level, scope, parameters, dicomweb.access).map_err(|refused| match refused {
            Refused::Malformed(words) => bad_request(words),
            Refused::Withheld => withheld(SEARCH_WITHHELD),
        })?;
    let mut warnings = Vec::new();
    if search.is_fuzzy {
        warnings.push("names were matched by their letters only, not fuzzily".to_owned());
    }
    let mut found = found(api, dicomweb, &search, &mut warnings).await?;
    if found.len() > search.limit as usize {
        found.truncate(search.limit as usize);
        if search.is_our_limit {
            warnings.push("there are additional results that can be requested with offset".to_owned());
        }
    }
    if !api.progress.has_filled() {
        warnings.push("objects of an earlier release are still being listed".to_owned());
    }
    let wanted = Wanted::by(&search, dicomweb.access);
    let told = told(dicomweb, &search, &found, &wanted, &base(headers)).await?;
    let unread = told.iter().filter(|(_, is_whole)| !is_whole).count();
    if unread > 0 {
        warnings.push(format!(
            "the headers of {unread} of these can't be read; their identifiers are told alone"
        ));
    }
    Ok(respond(told.into_iter().map(|(entry, _)| entry).collect(), &warnings))
}

/// What is found, and one more if there are more than are listed.
async fn found(
    api: &Api,
    dicomweb: &Dicomweb,
    search: &Search,
    warnings: &mut Vec<String>,
) -> Result<Vec<Entity>, Problem> {
    if !search.headers.is_empty() {
        let found = searched(api, dicomweb, search, warnings).await?;
        return Ok(found.into_iter().skip(search.offset as usize).take(search.limit as usize + 1).collect());
    }
    let ask = || api.queries.entities(search.level, &search.identifiers, search.limit + 1, search.offset);
    let found = ask().await.map_err(database)?;
    // What was taken in a moment ago may be what is looked for.
    if found.is_empty() && search.offset == 0 {
        api.check_tables().await?;
        return ask().await.map_err(database);
    }
    Ok(found)
}

/// All that have in their headers what is searched for. The answer is whole or there is none: whoever asks for a patient must not
/// take "not looked at" for "not there".
async fn searched(
    api: &Api,
    dicomweb: &Dicomweb,
    search: &Search,
    warnings: &mut Vec<String>,
) -> Result<Vec<Entity>, Problem> {
    api.check_tables().await?;
    let candidates = api.queries.entities(search.level, &search.identifiers, CANDIDATES_MAX + 1, 0).await;
    let candidates = candidates.map_err(database)?;
    if candidates.len() > CANDIDATES_MAX as usize {
        return Err(too_broad(&format!("more than {CANDIDATES_MAX} would have to be looked through")));
    }
    let blobs = candidates.iter().map(|entity| entity.newest.blob());
    let unknown: Vec<BlobRef> = blobs.filter(|blob| !dicomweb.headers.is_known(&blob.sha256)).collect();
    let still_to_read = unknown.len().saturating_sub(READ_MAX);
    let read = futures::stream::iter(unknown.into_iter().take(READ_MAX)).map(|blob| async move {
        let is_lost = header(dicomweb, &blob).await?.is_none();
        Ok::<_, Problem>(is_lost.then_some(blob.sha256))
    });
    let lost: Vec<_> = read.buffer_unordered(READ_AT_ONCE).try_collect().await?;
    let lost: BTreeSet<_> = lost.into_iter().flatten().collect();
    if still_to_read > 0 {
        let detail = format!(
            "the headers of {still_to_read} of {} have still to be read for this search; ask again, it goes on where it ended",
            candidates.len()
        );
        return Err(Problem::unavailable(detail));
    }
    let (mut found, mut unread) = (Vec::new(), 0);
    for entity in candidates {
        match dicomweb.headers.known(&entity.newest.sha256) {
            Some(Some(header)) if search.headers.iter().all(|filter| filter.matches(&header)) => {
                found.push(entity)
            }
            Some(Some(_)) => {}
            Some(None) => unread += 1,
            None if lost.contains(&entity.newest.sha256) => unread += 1,
            // Forgotten since it was read.
            None => {
                return Err(too_broad(
                    "more headers would have to be looked through than are kept in memory",
                ));
            }
        }
    }
    if unread > 0 {
        warnings.push(format!("the headers of {unread} can't be read, so these were not searched"));
    }
    Ok(found)
}

fn too_broad(what: &str) -> Problem {
    let detail = format!("{what}; narrow the search by site, by ModalitiesInStudy or by UIDs");
    Problem::new(ProblemType::TooBroad, detail)
}

/// What an object says; `None` if it can't be had for good.
async fn header(dicomweb: &Dicomweb, blob: &BlobRef) -> Result<Option<DataSet>, Problem> {
    match dicomweb.headers.of(blob).await {
        Ok(header) => Ok(Some(header)),
        Err(error) if error.is_transient() => Err(not_read(blob, &error)),
        Err(HeaderError::Unreadable(_)) => Ok(None),
        Err(error) => {
            // Noted in the log; the others are told all the same.
            not_read(blob, &error);
            Ok(None)
        }
    }
}

/// The entries, and whether each has what its header says.
async fn told(
    dicomweb: &Dicomweb,
    search: &Search,
    found: &[Entity],
    wanted: &Wanted,
    base: &str,
) -> Result<Vec<(DataSet, bool)>, Problem> {
    let told = futures::stream::iter(found.to_vec()).map(|entity| async move {
        let header = if wanted.is_nothing() {
            Some(DataSet::new())
        } else {
            header(dicomweb, &entity.newest.blob()).await?
        };
        let is_whole = header.is_some();
        Ok((entry(search.level, &entity, header, wanted, base), is_whole))
    });
    told.buffered(READ_AT_ONCE).try_collect().await
}

/// Data sets in the DICOM JSON model; 204 where there is none.
pub(super) fn respond(found: Vec<DataSet>, warnings: &[String]) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    for warning in warnings {
        if let Ok(value) = HeaderValue::try_from(format!("299 Hilum \"{warning}\"")) {
            headers.append(header::WARNING, value);
        }
    }
    if found.is_empty() {
        return (StatusCode::NO_CONTENT, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/dicom+json"));
    let found = found.into_iter().map(serde_json::Value::Object).collect::<Vec<_>>();
    (StatusCode::OK, headers, serde_json::Value::Array(found).to_string()).into_response()
}
