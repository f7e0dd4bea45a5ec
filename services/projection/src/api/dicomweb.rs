//! DICOMweb, the read side: searches (QIDO-RS) and what is held (WADO-RS), as far as the operator lets it out. How it is asked is
//! PS3.18's, which `docs/dicomweb.md` narrows; refusals are problems of the API.

mod frames;
mod metadata;
mod objects;
mod pictures;
mod refusal;
mod search;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get};
use hilum_api::{Problem, ProblemType};
use serde::Deserialize;
use tokio::sync::Semaphore;

use self::refusal::{off, taken_out};
use super::Api;
use super::error::{bad_request, database};
use crate::dicomweb::Held;
use crate::dicomweb::access::Access;
use crate::dicomweb::question::{IdentifierFilter, Scope};
use crate::headers::Headers;
use crate::queries::Found;

/// Retrievals of objects at a time: each has one in memory.
const RETRIEVALS_MAX: usize = 4;
/// A retrieval of which no piece is taken for so long is ended, for others to have its place.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most objects of one retrieval; a study has fewer, unless somebody takes its name for everything.
const OBJECTS_MAX: u32 = 10_000;

/// What DICOMweb is answered from.
pub struct Dicomweb {
    access: Access,
    headers: Headers,
    retrievals: Arc<Semaphore>,
    patience: Duration,
}

impl Dicomweb {
    /// Hands out what `access` lets out.
    pub fn new(access: Access, headers: Headers) -> Self {
        Self { access, headers, retrievals: Arc::new(Semaphore::new(RETRIEVALS_MAX)), patience: PATIENCE }
    }

    /// The same, for clients that take no byte for so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// All routes.
pub(super) fn router() -> Router<Api> {
    const STUDY: &str = "/dicom-web/studies/{study}";
    const SERIES: &str = "/dicom-web/studies/{study}/series/{series}";
    const INSTANCE: &str = "/dicom-web/studies/{study}/series/{series}/instances/{instance}";
    let whole = [STUDY, SERIES, INSTANCE];
    let retrieved = whole.into_iter().fold(Router::new(), |router, path| {
        router
            .route(path, read_only(get(objects::retrieve)))
            .route(&format!("{path}/metadata"), read_only(get(metadata::retrieve)))
            .route(&format!("{path}/thumbnail"), read_only(get(pictures::thumbnail)))
    });
    retrieved
        .route("/dicom-web/studies", read_only(get(search::studies)))
        .route("/dicom-web/series", read_only(get(search::series)))
        .route("/dicom-web/instances", read_only(get(search::instances)))
        .route(&format!("{STUDY}/series"), read_only(get(search::series_within)))
        .route(&format!("{STUDY}/instances"), read_only(get(search::instances_within)))
        .route(&format!("{SERIES}/instances"), read_only(get(search::instances_within)))
        .route(&format!("{INSTANCE}/rendered"), read_only(get(pictures::rendered)))
        .route(&format!("{INSTANCE}/frames/{{frames}}"), read_only(get(frames::retrieve)))
        .route(&format!("{INSTANCE}/frames/{{frames}}/rendered"), read_only(get(pictures::rendered)))
}

/// Objects come in at another door.
fn read_only(route: MethodRouter<Api>) -> MethodRouter<Api> {
    route.fallback(|| async {
        let detail = "this page is read by GET; objects are sent to /dicom-web/studies by POST, where `hilum up --dicomweb` takes them";
        Problem::new(ProblemType::MethodNotAllowed, detail).into_response()
    })
}

/// What an address names.
#[derive(Debug, Deserialize)]
struct Named {
    study: String,
    #[serde(default)]
    series: Option<String>,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    frames: Option<String>,
}

impl Named {
    /// Refuses frames but the first and only one: objects with several are not taken in.
    fn check_frames(&self) -> Result<(), Problem> {
        let Some(frames) = &self.frames else { return Ok(()) };
        let numbers: Option<Vec<u32>> = frames.split(',').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([1]) => Ok(()),
            Some(numbers) if !numbers.contains(&0) => {
                Err(Problem::not_found("every object here has one frame, its first: ask for /frames/1"))
            }
            _ => Err(bad_request("frames are numbers from 1, with commas between them")),
        }
    }
}

impl From<Named> for Scope {
    fn from(named: Named) -> Self {
        Self { study: Some(named.study), series: named.series, instance: named.instance }
    }
}

/// What may stand behind the address of what is held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSite {
    site: Option<String>,
}

impl Api {
    /// # Errors
    /// 404 where the operator has nothing handed out.
    fn dicomweb(&self) -> Result<&Dicomweb, Problem> {
        self.dicomweb.as_deref().filter(|dicomweb| dicomweb.access.is_on()).ok_or_else(off)
    }

    /// Waits a little until the tables hold all objects of the log.
    ///
    /// # Errors
    /// 503 if they do not, or that can't be known.
    async fn check_tables(&self) -> Result<(), Problem> {
        if self.caught_up().await? && self.progress.has_filled() {
            return Ok(());
        }
        Err(Problem::unavailable(
            "the tables do not hold all objects of the log yet; nothing is lost, try again",
        ))
    }

    /// The objects that an address names: one at least, in the order in which they came. What was taken in a moment ago is
    /// waited for.
    ///
    /// # Errors
    /// 400 for a bad site, 404 if there is none, 410 if all were taken out, 413 for too many.
    async fn held(&self, named: Named, site: Option<&str>) -> Result<Vec<Held>, Problem> {
        let site = site.map(str::parse).transpose().map_err(|error| bad_request(format!("{error}")))?;
        let filter = IdentifierFilter::of(named.into(), site);
        let mut found = self.queries.held(&filter, OBJECTS_MAX + 1).await.map_err(database)?;
        if found == Found::Nothing {
            self.check_tables().await?;
            found = self.queries.held(&filter, OBJECTS_MAX + 1).await.map_err(database)?;
        }
        match found {
            Found::Held(held) if held.len() > OBJECTS_MAX as usize => {
                let detail =
                    format!("more than {OBJECTS_MAX} objects are meant; ask for them series by series");
                Err(Problem::new(ProblemType::TooBroad, detail))
            }
            Found::Held(held) => Ok(held),
            Found::TakenOut => Err(taken_out()),
            Found::Nothing => Err(Problem::not_found(
                "no such study, series or instance is held; GET /dicom-web/studies lists what is",
            )),
        }
    }
}

/// The Accept header, if it is text.
fn accept(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok())
}

/// The address below which everything is, as whoever asks has it.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").and_then(|host| host.parse::<Authority>().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    host.map_or_else(|| "/dicom-web".to_owned(), |host| format!("{scheme}://{host}/dicom-web"))
}

/// What separates parts, in no object.
fn boundary() -> String {
    format!("hilum-{}", uuid::Uuid::now_v7().simple())
}
