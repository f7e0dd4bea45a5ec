//! `hilum job`: shows a job, has failed ones tried again, and takes images out of their studies.

mod retry;
mod take_out;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use hilum_api::{Job, JobResult, JobStatus};
use hilum_client::{Answer, Client};
use hilum_terminal::Output;
use serde_json::json;

use self::retry::RetryArgs;
use self::take_out::TakeOutArgs;
use super::StackArgs;
use super::duration::duration;
use crate::error::Error;

/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct JobArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// The job's id
    #[arg(required = true)]
    id: Option<String>,
    /// How long to wait for its end, such as 30s
    #[arg(long, value_parser = duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Have failed jobs tried once more, by their ids or by why and by which release they failed; exit code 1 if any could
    /// not be decided
    Retry(RetryArgs),
    /// Take images out of their studies again, such as those of somebody else: the reports are revised without them; exit code
    /// 1 if any could not be decided
    TakeOut(TakeOutArgs),
}

pub(super) async fn run(args: &JobArgs, output: Output) -> Result<ExitCode, Error> {
    match (&args.action, &args.id) {
        (Some(Action::Retry(args)), _) => retry::run(args, output).await,
        (Some(Action::TakeOut(args)), _) => take_out::run(args, output).await,
        (None, Some(id)) => show(args, id, output).await,
        (None, None) => Err(Error::Usage("name the job".to_owned())),
    }
}

async fn show(args: &JobArgs, id: &str, output: Output) -> Result<ExitCode, Error> {
    let client = args.stack.client()?;
    let job = followed(&client, id, args.wait.unwrap_or_default()).await?;
    let reading = match job.status {
        JobStatus::Completed => Some(client.reading(id, None).await?),
        _ => None,
    };
    output.object(&json!({ "job": job, "result": reading }));
    say_job(&job, output);
    if let Some(reading) = reading {
        say_reading(&reading, output);
    }
    Ok(ExitCode::SUCCESS)
}

/// The job once it has ended, or as it is when `limit` is over.
async fn followed(client: &Client, id: &str, limit: Duration) -> Result<Answer<Job>, Error> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let job = client.job(id, Some(left.min(WAIT))).await?;
        if job.status.has_ended() || left.is_zero() {
            return Ok(job);
        }
    }
}

fn say_job(job: &Job, output: Output) {
    output.say(format_args!("job        {}", job.job_id));
    output.say(format_args!("status     {}", job.status.as_str()));
    output.say(format_args!("site       {}", job.site));
    if let Some(study_ref) = &job.study_ref {
        output.say(format_args!("study_ref  {study_ref}"));
    }
    output.say(format_args!("study_id   {}", job.study_id));
    output.say(format_args!("media_type {}", job.media_type));
    output.say(format_args!("priority   {}", job.priority.as_str()));
    output.say(format_args!("sha256     {}", job.sha256));
    if let Some(trace_id) = &job.trace_id {
        output.say(format_args!("trace_id   {trace_id}"));
    }
    output.say(format_args!("created    {}", job.created_at));
    if let Some(seconds) = job.seconds() {
        output.say(format_args!("took       {seconds:.2} s"));
    }
    if let Some(first) = &job.duplicate_of {
        output.say(format_args!("duplicate of {first}"));
    }
    if let Some(waits_for) = &job.waits_for {
        output.say(format_args!("waits      {waits_for}"));
    }
    if let Some(reason) = &job.reason {
        output.say(format_args!("reason     {reason}"));
        if job.status == JobStatus::Failed {
            output.say(format_args!("try again  hilum job retry {} --why '…'", job.job_id));
        }
    }
}

fn say_reading(reading: &JobResult, output: Output) {
    let number = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let rows = reading.ranked().into_iter().map(|finding| {
        vec![
            finding.label.clone(),
            number(finding.operating_point_score),
            number(Some(finding.probability)),
            number(Some(finding.logit)),
        ]
    });
    output.table(&["finding", "score (0.5 = operating point)", "probability", "logit"], rows);
    if let Some(notice) = reading.notice() {
        output.say(notice);
    }
}
