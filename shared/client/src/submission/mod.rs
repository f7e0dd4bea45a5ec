//! Sending images and following them to their outcome. Knows the client; shows nothing but progress.

mod outcome;
mod paths;
mod view;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use hilum_runtime::with_causes;

use crate::client::{Client, JobStatus, Tags, Upload};
use crate::error::Error;
use crate::output::Output;

pub(crate) use outcome::{Outcome, Sent};
pub(crate) use paths::files_in;
pub(crate) use view::show;

/// Jobs waited for at a time; waiting costs next to nothing.
const WAITS_AT_ONCE: usize = 64;
/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);

/// How a submission is made.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What goes with every image.
    pub(crate) tags: Tags,
    /// Uploads at a time.
    pub(crate) uploads_at_once: usize,
    /// How long outcomes are waited for, counted from the last upload; `None` not to wait.
    pub(crate) wait: Option<Duration>,
}

/// Sends the files and, if the plan says so, waits for the outcomes. One entry per file, in their order.
pub(crate) async fn submit(client: &Client, files: Vec<PathBuf>, plan: &Plan, output: Output) -> Vec<Sent> {
    let bar = output.progress(files.len(), "sending");
    let uploads = files.into_iter().map(|file| async {
        let sent = send(client, file, &plan.tags).await;
        bar.inc(1);
        sent
    });
    let sent: Vec<_> = stream::iter(uploads).buffered(plan.uploads_at_once.max(1)).collect().await;
    bar.finish_and_clear();

    let Some(limit) = plan.wait else { return sent };
    let bar = output.progress(sent.len(), "reading");
    let deadline = Instant::now() + limit;
    let waits = sent.into_iter().map(|sent| async {
        let sent = follow(client, sent, deadline).await;
        bar.inc(1);
        sent
    });
    let sent = stream::iter(waits).buffered(WAITS_AT_ONCE).collect().await;
    bar.finish_and_clear();
    sent
}

async fn send(client: &Client, file: PathBuf, tags: &Tags) -> Sent {
    let began = Instant::now();
    let outcome = match client.upload(Upload { file: &file, tags }).await {
        Ok(accepted) => Outcome::of(accepted),
        Err(Error::Refused { problem }) => {
            Outcome::Refused { status: problem.status, reason: problem.detail }
        }
        Err(error) => Outcome::NotSent { reason: with_causes(&error) },
    };
    Sent { file, outcome, seconds: began.elapsed().as_secs_f64() }
}

async fn follow(client: &Client, sent: Sent, deadline: Instant) -> Sent {
    let Outcome::Accepted(accepted) = sent.outcome else { return sent };
    let outcome = match outcome_of(client, &accepted.job_id, deadline).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Unknown { accepted: accepted.clone(), reason: with_causes(&error) },
    };
    let seconds = outcome.seconds().unwrap_or(sent.seconds);
    Sent { outcome, seconds, ..sent }
}

async fn outcome_of(client: &Client, job_id: &str, deadline: Instant) -> Result<Outcome, Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let job = client.job(job_id, Some(left.min(WAIT))).await?;
        if job.status == JobStatus::Completed {
            let reading = client.reading(job_id, None).await?;
            return Ok(Outcome::Read { job, reading });
        }
        if job.status.is_final() {
            return Ok(Outcome::Failed(job));
        }
        if left.is_zero() {
            return Ok(Outcome::Unfinished(job));
        }
    }
}

#[cfg(test)]
mod tests;
