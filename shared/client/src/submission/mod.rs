//! Sending images and following them to their outcome. Shows nothing: the caller is told of each step.

mod outcome;
mod paths;
mod samples;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;
use hilum_api::JobStatus;
use hilum_runtime::with_causes;

use crate::client::Client;
use crate::error::Error;
use crate::upload::{Tags, Upload};

pub use outcome::{FileOutcome, Sent};
pub use paths::files_in;
pub use samples::samples;

/// Jobs waited for at a time; waiting costs next to nothing.
const WAITS_AT_ONCE: usize = 64;
/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);

/// How a submission is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What goes with every image.
    pub tags: Tags,
    /// Uploads at a time.
    pub uploads_at_once: usize,
    /// How long outcomes are waited for, counted from the last upload; `None` not to wait.
    pub wait: Option<Duration>,
}

/// How far a submission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many files are going to be sent.
    Sending(usize),
    /// So many outcomes are going to be waited for.
    Reading(usize),
    /// One more of them is done.
    One,
    /// All of them are done.
    All,
}

/// Sends the files and, if the plan says so, waits for the outcomes. One entry per file, in their order.
/// `progress` is called at each step.
pub fn submit<'a>(
    client: &'a Client,
    files: Vec<PathBuf>,
    plan: &'a Plan,
    progress: &'a (dyn Fn(Step) + Sync),
) -> BoxFuture<'a, Vec<Sent>> {
    Box::pin(async move {
        progress(Step::Sending(files.len()));
        let uploads = files.into_iter().map(|file| async {
            let sent = send(client, file, &plan.tags).await;
            progress(Step::One);
            sent
        });
        let sent: Vec<_> = stream::iter(uploads).buffered(plan.uploads_at_once.max(1)).collect().await;
        progress(Step::All);

        let Some(limit) = plan.wait else { return sent };
        progress(Step::Reading(sent.len()));
        let deadline = Instant::now() + limit;
        let waits = sent.into_iter().map(|sent| async {
            let sent = follow(client, sent, deadline).await;
            progress(Step::One);
            sent
        });
        let sent = stream::iter(waits).buffered(WAITS_AT_ONCE).collect().await;
        progress(Step::All);
        sent
    })
}

async fn send(client: &Client, file: PathBuf, tags: &Tags) -> Sent {
    let began = Instant::now();
    let outcome = match client.upload(Upload { file: &file, tags }).await {
        Ok(accepted) => FileOutcome::Accepted(accepted),
        Err(Error::Refused { problem }) => {
            FileOutcome::Refused { status: problem.status, reason: problem.detail }
        }
        Err(error) => FileOutcome::NotSent { reason: with_causes(&error) },
    };
    Sent { file, outcome, seconds: began.elapsed().as_secs_f64() }
}

async fn follow(client: &Client, sent: Sent, deadline: Instant) -> Sent {
    let accepted = match sent.outcome {
        FileOutcome::Accepted(accepted) if accepted.result.is_none() => accepted,
        outcome => return Sent { outcome, ..sent },
    };
    let outcome = match outcome_of(client, &accepted.job_id.to_string(), deadline).await {
        Ok(outcome) => outcome,
        Err(error) => FileOutcome::Unknown { accepted, reason: with_causes(&error) },
    };
    let seconds = outcome.seconds().unwrap_or(sent.seconds);
    Sent { outcome, seconds, ..sent }
}

async fn outcome_of(client: &Client, job_id: &str, deadline: Instant) -> Result<FileOutcome, Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let job = client.job(job_id, Some(left.min(WAIT))).await?;
        if job.status == JobStatus::Completed {
            let reading = client.reading(job_id, None).await?;
            return Ok(FileOutcome::Read { job, reading });
        }
        if job.status.has_ended() {
            return Ok(FileOutcome::Failed(job));
        }
        if left.is_zero() {
            return Ok(FileOutcome::Unfinished(job));
        }
    }
}

#[cfg(test)]
mod tests;
