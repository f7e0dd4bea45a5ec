//! `hilum job retry`: failed jobs are tried once more, at a steady pace. A repeated run changes nothing and says so.

use std::collections::HashSet;
use std::process::ExitCode;

use clap::Args;
use hilum_api::{Job, ProblemType};
use hilum_client::{Answer, Client};
use hilum_events::JobId;
use hilum_terminal::Output;
use serde_json::json;

use super::super::StackArgs;
use super::super::decisions::{DecisionArgs, DecisionOutcome, Record, Tally, Told};
use super::super::study::cell;
use crate::error::Error;

/// Jobs asked for at a time.
const PAGE: usize = 500;
/// What was given up is decided about as a dead letter.
const DEAD_LETTERED: &str = "dead-lettered";

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// These jobs
    #[arg(value_name = "ID", conflicts_with_all = ["reason", "before_release", "site", "all"])]
    ids: Vec<String>,
    /// All that failed with this code, such as unsupported, or with these words in the reason
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// All that were failed by a release before this one, such as 0.2.0
    #[arg(long, value_name = "RELEASE")]
    before_release: Option<String>,
    /// All that failed of this site
    #[arg(long)]
    site: Option<String>,
    /// All whose images failed. What was given up is for `hilum dlq`, also with the filters above
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &RetryArgs, output: Output) -> Result<ExitCode, Error> {
    let filters = args.filters();
    if args.ids.is_empty() && filters.is_empty() && !args.all {
        return Err(Error::Usage(
            "say which jobs are meant: their ids, --reason, --before-release, --site, or --all".to_owned(),
        ));
    }
    let client = args.stack.client()?;
    let jobs = if args.ids.is_empty() { failed_jobs(&client, &filters).await? } else { args.named() };
    if args.decision.dry_run {
        return Ok(rehearse(&jobs, output));
    }
    let record = args.decision.record()?;
    if jobs.is_empty() {
        output.say("nothing to decide: no failed job is meant");
        return Ok(ExitCode::SUCCESS);
    }
    let tally = args
        .decision
        .decide_all(&jobs, "redriven", output, async |job| retry(&client, job, &record).await)
        .await?;
    let Tally { decided, already, failed } = tally;
    output.say(format_args!("{decided} redriven, {already} decided before, {failed} failed"));
    Ok(tally.exit_code())
}

/// A job that is meant.
enum Meant {
    /// Its id was typed.
    Named(String),
    /// It was looked for.
    Found(Answer<Job>),
}

impl Meant {
    fn id(&self) -> String {
        match self {
            Self::Named(id) => id.clone(),
            Self::Found(job) => job.job_id.to_string(),
        }
    }
}

impl RetryArgs {
    fn named(&self) -> Vec<Meant> {
        self.ids.iter().cloned().map(Meant::Named).collect()
    }

    fn filters(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("reason", self.reason.clone()),
            ("failed_before_release", self.before_release.clone()),
            ("site", self.site.clone()),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// All failed jobs that are meant, one for each reading: the others that share it are tried again with it. All are found
/// before the first is decided: what is decided is failed no more, and would shift the pages.
async fn failed_jobs(client: &Client, filters: &[(&str, String)]) -> Result<Vec<Meant>, Error> {
    let mut jobs = Vec::new();
    let mut readings = HashSet::new();
    let mut query = filters.to_vec();
    query.extend([("status", "FAILED".to_owned()), ("limit", PAGE.to_string())]);
    let mut after: Option<JobId> = None;
    loop {
        let mut page_query = query.clone();
        page_query.extend(after.map(|after| ("after", after.to_string())));
        let page = client.jobs(&page_query).await?;
        let image_failed = |job: &Answer<Job>| job.reason_code.as_deref() != Some(DEAD_LETTERED);
        let is_new = |job: &Answer<Job>| readings.insert(job.reading_id);
        let meant = page.jobs.into_iter().filter(image_failed).filter(is_new);
        jobs.extend(meant.map(Meant::Found));
        after = page.next;
        if after.is_none() {
            return Ok(jobs);
        }
    }
}

fn rehearse(jobs: &[Meant], output: Output) -> ExitCode {
    for job in jobs {
        let mut line = match job {
            Meant::Named(id) => json!({ "job_id": id }),
            Meant::Found(job) => json!(job),
        };
        line["would"] = json!("retry");
        output.object(&line);
    }
    if !jobs.is_empty() {
        output.table(&["job", "failed", "site", "release", "code", "reason"], jobs.iter().map(row));
    }
    let count = jobs.len();
    output.say(format_args!("{count} would be redriven; nothing was done, leave out --dry-run to do it"));
    ExitCode::SUCCESS
}

fn row(job: &Meant) -> Vec<String> {
    let mut row = vec![job.id()];
    match job {
        Meant::Named(_) => row.resize(6, cell(&())),
        Meant::Found(job) => {
            let release = job.failed_by.as_ref().map(|reader| &reader.release);
            row.extend([cell(&job.ended_at), job.site.to_string(), cell(&release)]);
            row.extend([cell(&job.reason_code), cell(&job.reason)]);
        }
    }
    row
}

/// What the stack refuses is told and the rest goes on; without a stack it ends.
async fn retry(client: &Client, job: &Meant, record: &Record) -> Result<Told, Error> {
    let id = job.id();
    match client.retry(&id, &record.by, &record.why).await {
        Ok(answer) => Ok(Told {
            outcome: DecisionOutcome::Decided,
            line: format!("{id}  redriven"),
            object: json!(answer),
        }),
        Err(hilum_client::Error::Refused { problem }) => {
            let (outcome, word) = match problem.is(ProblemType::AlreadyDecided) {
                true => (DecisionOutcome::Already, "already"),
                false => (DecisionOutcome::Failed, "failed"),
            };
            let line = format!("{id}  {word}: {}", problem.detail);
            let object = json!({ "job_id": id, "error": problem.detail, "status": problem.status });
            Ok(Told { outcome, line, object })
        }
        Err(error) => Err(error.into()),
    }
}
