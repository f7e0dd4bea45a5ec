//! `GET /v1/ops/dlq` and `GET /v1/ops/dlq/{id}`: what was given up, and the whole story of one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hilum_events::{Envelope, Site};
use hilum_log::Try;
use hilum_runtime::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Api;
use super::error::{bad_request, database, log};
use super::event_json::event_json;
use super::params::{Limit, Params, dead_letter_id, job_id};
use crate::queries::{DeadLetter, DeadLetterFilter, LetterState};

#[derive(Deserialize)]
pub(super) struct Listing {
    service: Option<String>,
    #[serde(default)]
    state: Wanted,
    reason: Option<String>,
    job: Option<String>,
    site: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    after: Option<u64>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Open,
    Redriven,
    Discarded,
    All,
}

#[derive(Serialize)]
pub(super) struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// Messages of the log that this release can't fold; they may be about more.
    unreadable: u64,
}

#[derive(Serialize)]
pub(super) struct WholeStory {
    #[serde(flatten)]
    letter: DeadLetter,
    /// The message that was given up and its tries; absent if it can't be found any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<Stored>,
    /// Earlier dead letters of the job, oldest first.
    earlier: Vec<u64>,
}

/// An entry of the dead-letter stream.
#[derive(Serialize)]
struct Stored {
    subject: String,
    headers: BTreeMap<String, String>,
    /// Bytes.
    payload_size: usize,
    /// The event, if this release can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Value>,
    /// Else the bytes, and why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    tries: Vec<ToldTry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    service_version: String,
    parked_at: Timestamp,
}

#[derive(Serialize)]
struct ToldTry {
    at: Timestamp,
    deliveries: u64,
    /// The error and its causes, outermost first.
    errors: Vec<String>,
    service_version: String,
    /// How often in a row it was so.
    #[serde(skip_serializing_if = "is_once")]
    times: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

pub(super) async fn list(
    State(api): State<Api>,
    Params(listing): Params<Listing>,
) -> Result<Json<DeadLetters>, Problem> {
    let filter = listing.filter()?;
    let dead_letters = api.queries.dead_letters(&filter).await.map_err(database)?;
    let unreadable = api.queries.unreadable().await.map_err(database)?;
    let full = dead_letters.len() == filter.limit as usize;
    let next = dead_letters.last().filter(|_| full).map(|letter| letter.id);
    Ok(Json(DeadLetters { dead_letters, next, unreadable }))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<WholeStory>, Problem> {
    let id = dead_letter_id(&id)?;
    // Who just decided something wants to see it.
    let caught_up = api.caught_up().await?;
    let letter = match api.queries.dead_letter(id).await.map_err(database)? {
        Some(letter) => letter,
        None if caught_up => return Err(no_such_letter()),
        None => return Err(Problem::unavailable("the database is behind the event log; try again")),
    };
    let stored = api.log.dead_letter(&letter.consumer, letter.stream_seq).await.map_err(log)?;
    let earlier = api.queries.earlier_dead_letters(&letter).await.map_err(database)?;
    Ok(Json(WholeStory { letter, dead_letter: stored.map(Stored::from), earlier }))
}

/// 404.
pub(super) fn no_such_letter() -> Problem {
    Problem::not_found("there is no such dead letter; GET /v1/ops/dlq?state=all lists them with their ids")
}

impl Listing {
    fn filter(self) -> Result<DeadLetterFilter, Problem> {
        if [&self.service, &self.reason].into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(bad_request("service and reason are plain text"));
        }
        let site: Option<Site> =
            self.site.map(Site::try_from).transpose().map_err(|error| bad_request(error.to_string()))?;
        Ok(DeadLetterFilter {
            service: self.service,
            state: self.state.state(),
            reason: self.reason,
            job: self.job.as_deref().map(job_id).transpose()?,
            site,
            since: self.since,
            until: self.until,
            after: self.after,
            limit: self.limit.0,
        })
    }
}

impl Wanted {
    fn state(self) -> Option<LetterState> {
        match self {
            Self::Open => Some(LetterState::Open),
            Self::Redriven => Some(LetterState::Redriven),
            Self::Discarded => Some(LetterState::Discarded),
            Self::All => None,
        }
    }
}

impl From<hilum_log::DeadLetter> for Stored {
    fn from(letter: hilum_log::DeadLetter) -> Self {
        let (event, unreadable) = match Envelope::decode(&letter.payload) {
            Ok(envelope) => (Some(event_json(&envelope)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            payload_size: letter.payload.len(),
            payload_base64: unreadable.is_some().then(|| STANDARD.encode(&letter.payload)),
            event,
            unreadable,
            subject: letter.subject,
            headers: letter.headers,
            tries: letter.tries.into_iter().map(ToldTry::from).collect(),
            trace_id: letter.trace_id,
            service_version: letter.service_version,
            parked_at: letter.parked_at,
        }
    }
}

impl From<Try> for ToldTry {
    fn from(tried: Try) -> Self {
        let Try { at, deliveries, errors, service_version, times } = tried;
        Self { at, deliveries, errors, service_version, times }
    }
}
