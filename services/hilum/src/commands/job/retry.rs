//! `hilum job retry`: failed jobs are tried once more, at a steady pace. A repeated run changes nothing and says so.

use std::collections::HashSet;
use std::process::ExitCode;

use clap::Args;
use hilum_api::ProblemType;
use hilum_client::Client;
use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::StackArgs;
use super::super::decisions::{DecisionArgs, DecisionOutcome, Record, Tally, Told};
use super::super::study::text;
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
    let jobs = if args.ids.is_empty() { failed_jobs(&client, &filters).await? } else { named(&args.ids) };
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

impl RetryArgs {
    fn filters(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("reason", self.reason.clone()),
            ("failed_before_release", self.before_release.clone()),
            ("site", self.site.clone()),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn named(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "job_id": id })).collect()
}

/// All failed jobs that are meant, one for each reading: the others that share it are tried again with it. All are found
/// before the first is decided: what is decided is failed no more, and would shift the pages.
async fn failed_jobs(client: &Client, filters: &[(&str, String)]) -> Result<Vec<Value>, Error> {
    let mut jobs = Vec::new();
    let mut readings = HashSet::new();
    let mut query = filters.to_vec();
    query.extend([("status", "FAILED".to_owned()), ("limit", PAGE.to_string())]);
    let mut after: Option<String> = None;
    loop {
        let mut page_query = query.clone();
        page_query.extend(after.map(|after| ("after", after)));
        let mut page = client.jobs(&page_query).await?;
        if let Value::Array(found) = page["jobs"].take() {
            let image_failed = |job: &Value| job["reason_code"] != DEAD_LETTERED;
            let is_new = |job: &Value| readings.insert(job["reading_id"].to_string());
            jobs.extend(found.into_iter().filter(image_failed).filter(is_new));
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(jobs),
        }
    }
}

fn rehearse(jobs: &[Value], output: Output) -> ExitCode {
    for job in jobs {
        let mut job = job.clone();
        job["would"] = json!("retry");
        output.object(&job);
    }
    if !jobs.is_empty() {
        let row = |job: &Value| {
            let release = text(&job["failed_by"]["release"]);
            let [id, at, site] = ["job_id", "ended_at", "site"].map(|field| text(&job[field]));
            let [code, reason] = ["reason_code", "reason"].map(|field| text(&job[field]));
            vec![id, at, site, release, code, reason]
        };
        output.table(&["job", "failed", "site", "release", "code", "reason"], jobs.iter().map(row));
    }
    let count = jobs.len();
    output.say(format_args!("{count} would be redriven; nothing was done, leave out --dry-run to do it"));
    ExitCode::SUCCESS
}

/// What the stack refuses is told and the rest goes on; without a stack it ends.
async fn retry(client: &Client, job: &Value, record: &Record) -> Result<Told, Error> {
    let id = text(&job["job_id"]);
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
