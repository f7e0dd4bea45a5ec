//! `GET /v1/ops/dlq` and `GET /v1/ops/dlq/{id}`: what was given up, and the whole story of one.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hilum_api::{
    DeadLetterList, DeadLetterStory, LetterFilter, ParkedMessage, Problem, Try, problems, samples,
};
use hilum_events::{Envelope, JobId, Site};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::error::{bad_request, database, log};
use super::logged_event::logged;
use super::params::{Limit, Params, dead_letter_id, job_id};
use crate::queries::DeadLetterFilter;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only what this service gave up: dedupe, infer, deliver, sweep.
    service: Option<String>,
    /// By default only what nobody has decided about.
    #[serde(default)]
    #[param(value_type = Option<LetterFilter>, inline)]
    state: LetterFilter,
    /// Only with these words in the reason, in capitals or not.
    reason: Option<String>,
    /// Only of this job.
    #[param(value_type = Option<JobId>)]
    job: Option<String>,
    /// Only of this site.
    #[param(value_type = Option<Site>)]
    site: Option<String>,
    /// Only what was given up then or later.
    since: Option<Timestamp>,
    /// Only what was given up before then.
    until: Option<Timestamp>,
    /// Only dead letters older than this one: `next` of the page before.
    after: Option<u64>,
    /// How many dead letters a page has.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

problems!(ListProblems: BadRequest);

/// Work that was given up, newest first
#[utoipa::path(
    get,
    path = "/v1/ops/dlq",
    operation_id = "listDeadLetters",
    tag = "operation",
    params(Listing),
    responses(
        (status = 200, description = "the dead letters", body = DeadLetterList, example = json!(samples::dead_letter_list())),
        ListProblems,
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    Params(listing): Params<Listing>,
) -> Result<Json<DeadLetterList>, Problem> {
    let filter = listing.filter()?;
    let dead_letters = api.queries.dead_letters(&filter).await.map_err(database)?;
    let unreadable = api.queries.unreadable().await.map_err(database)?;
    let full = dead_letters.len() == filter.limit as usize;
    let next = dead_letters.last().filter(|_| full).map(|letter| letter.id);
    Ok(Json(DeadLetterList { dead_letters, next, unreadable }))
}

problems!(ShowProblems: BadRequest, NotFound);

/// The whole story of a dead letter
///
/// The message that was given up, each try with its errors, and what was decided.
#[utoipa::path(
    get,
    path = "/v1/ops/dlq/{id}",
    operation_id = "showDeadLetter",
    tag = "operation",
    params(("id" = u64, Path, minimum = 1, description = "the dead letter's id, as listed")),
    responses(
        (status = 200, description = "the story", body = DeadLetterStory, example = json!(samples::dead_letter_story())),
        ShowProblems,
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<DeadLetterStory>, Problem> {
    let id = dead_letter_id(&id)?;
    // An operator who has just decided something wants to see it.
    let caught_up = api.caught_up().await?;
    let letter = match api.queries.dead_letter(id).await.map_err(database)? {
        Some(letter) => letter,
        None if caught_up => return Err(no_such_letter()),
        None => return Err(Problem::unavailable("the database is behind the event log; try again")),
    };
    let stored = api.log.dead_letter(&letter.consumer, letter.stream_seq).await.map_err(log)?;
    let earlier = api.queries.earlier_dead_letters(&letter).await.map_err(database)?;
    Ok(Json(DeadLetterStory { letter, dead_letter: stored.map(parked), earlier }))
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

/// A message as the dead-letter stream keeps it, for people.
fn parked(letter: hilum_log::DeadLetter) -> ParkedMessage {
    let (event, unreadable) = match Envelope::decode(&letter.payload) {
        Ok(envelope) => (Some(logged(&envelope)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    ParkedMessage {
        payload_size: letter.payload.len(),
        payload_base64: unreadable.is_some().then(|| STANDARD.encode(&letter.payload)),
        event,
        unreadable,
        subject: letter.subject,
        headers: letter.headers,
        tries: letter.tries.into_iter().map(tried).collect(),
        trace_id: letter.trace_id,
        service_version: letter.service_version,
        parked_at: letter.parked_at,
    }
}

fn tried(tried: hilum_log::Try) -> Try {
    let hilum_log::Try { at, deliveries, errors, service_version, times } = tried;
    Try { at, deliveries, errors, service_version, times }
}
