//! `GET /v1/jobs/{id}/events`: the life of a job as server-sent events, until it has ended.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use hilum_api::{JobEvent, JobWithHistory, Problem, problems};
use hilum_events::JobId;
use tokio::sync::OwnedSemaphorePermit;

use super::Api;
use super::params::job_id;
use crate::job;
use crate::progress::Changes;

/// Often enough for proxies that cut silent connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Ends the id of the last event, so that a client that comes again with it needs no further one.
const ENDED: &str = "-ended";

problems!(FollowProblems: BadRequest, NotFound, Lost);

/// The life of a job as server-sent events
///
/// One event per step, named like the step, with its position in the log as id and {event, at, status} as data; live
/// until the job has ended, then a last event `ended` with {at, status}. A client that comes again with Last-Event-ID gets what
/// it missed; with the id of `ended`, 204.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    operation_id = "followJob",
    tag = "images",
    params(
        ("id" = JobId, Path, description = "the job's id, a UUID"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that the client has seen")
    ),
    responses(
        (status = 200, description = "the steps", body = String, content_type = "text/event-stream"),
        (status = 204, description = "the job has ended and the client knows all of it"),
        FollowProblems,
    )
)]
pub(super) async fn stream(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job_id = job_id(&id)?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    if last_id.ends_with(ENDED) {
        // A browser's EventSource stops reconnecting when it gets 204, and at no other status of success.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = api.waiting.clone().try_acquire_owned().map_err(|_| {
        Problem::unavailable(format!("{} requests wait already; try again later", api.waiting_max))
    })?;
    let changes = api.progress.changes();
    let story = api.story(job_id).await?;
    let after_seq = last_id.parse().unwrap_or(0);
    let mut life =
        Life { api, job_id, changes, after_seq, ready: VecDeque::new(), done: false, _place: place };
    life.take(&story);
    let life = life.into_stream(job::watched(&story.job));
    Ok(Sse::new(life).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// The events that a listener has not got yet.
struct Life {
    api: Api,
    job_id: JobId,
    changes: Changes,
    after_seq: u64,
    ready: VecDeque<Event>,
    done: bool,
    _place: OwnedSemaphorePermit,
}

impl Life {
    fn into_stream(self, watched: Vec<uuid::Uuid>) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold((self, watched), |(mut life, mut watched)| async move {
            loop {
                if let Some(event) = life.ready.pop_front() {
                    return Some((Ok(event), (life, watched)));
                }
                if life.done {
                    return None;
                }
                tokio::select! {
                    () = life.changes.of(&watched) => {}
                    // The client comes again by itself, with the id of the last event.
                    () = life.api.shutdown.cancelled() => return None,
                }
                let story = life.api.story(life.job_id).await.ok()?;
                life.take(&story);
                watched = job::watched(&story.job);
            }
        })
    }

    /// Takes in what is new.
    fn take(&mut self, story: &JobWithHistory) {
        for (step, status) in story.history.iter().zip(job::statuses(story)) {
            if step.seq > self.after_seq {
                self.after_seq = step.seq;
                let data = JobEvent { event: Some(step.event.clone()), at: step.at, status };
                self.ready.extend(sse(step.seq.to_string(), &step.event, &data));
            }
        }
        if story.job.status.has_ended() {
            let at = story.job.ended_at.unwrap_or(story.job.created_at);
            let data = JobEvent { event: None, at, status: story.job.status };
            self.ready.extend(sse(format!("{}{ENDED}", self.after_seq), "ended", &data));
            self.done = true;
        }
    }
}

fn sse(id: String, name: &str, data: &JobEvent) -> Option<Event> {
    // Plain structs of names and times always have a JSON form.
    Event::default().id(id).event(name).json_data(data).ok()
}
