//! `hilum dlq redrive` and `hilum dlq discard`: the same decision about each dead letter that is meant, at a
//! steady pace. A repeated run changes nothing and says so.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::super::StackArgs;
use super::super::operator::operator;
use super::filters::Filters;
use super::{LetterState, say_table, work};
use crate::client::{Client, Decision};
use crate::error::Error;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    filters: Filters,
    /// All that nobody has decided about
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only say which ones are meant
    #[arg(long)]
    dry_run: bool,
    /// At most so many a second, so that the stack is not flooded
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    rate: u32,
    /// Who decides, for the record; by default USER@HOST
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The reason, for the record; never a patient's name or number
    #[arg(long, value_name = "REASON", required_unless_present = "dry_run")]
    why: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

/// How many of which.
#[derive(Debug, Default)]
struct Tally {
    decided: usize,
    already: usize,
    failed: usize,
}

pub(super) async fn run(args: &DecideArgs, decision: Decision, output: Output) -> Result<ExitCode, Error> {
    if args.filters.is_empty() && !args.all {
        return Err(Error::Usage(
            "say which dead letters are meant: --id, --service, --reason, --job, --site, --since, --until, \
             or --all"
                .to_owned(),
        ));
    }
    let client = args.stack.client()?;
    if args.dry_run {
        return rehearse(args, &client, decision, output).await;
    }
    let why = args.why.as_deref().unwrap_or_default().trim();
    if why.is_empty() {
        return Err(Error::Usage("say why, in a few words: --why '…'".to_owned()));
    }
    let by = args.by.clone().or_else(operator);
    let by = by.ok_or_else(|| Error::Usage("say who you are: --by NAME".to_owned()))?;
    let ids = chosen(args, &client).await?;
    if ids.is_empty() {
        output.say("nothing to decide: no open dead letter is meant");
        return Ok(ExitCode::SUCCESS);
    }
    let record = Record { decision, by: &by, why };
    let tally = decide_all(&client, &ids, args.rate, &record, output).await?;
    let Tally { decided, already, failed } = tally;
    let word = decision.past();
    output.say(format_args!("{decided} {word}, {already} {word} before, {failed} failed"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is decided, for the record.
struct Record<'a> {
    decision: Decision,
    by: &'a str,
    why: &'a str,
}

/// All are chosen before the first is decided: what is decided is open no more, and would shift the pages.
async fn chosen(args: &DecideArgs, client: &Client) -> Result<Vec<u64>, Error> {
    if !args.filters.ids.is_empty() {
        return Ok(args.filters.ids.clone());
    }
    let found = args.filters.select(client, LetterState::Open, usize::MAX).await?;
    Ok(found.letters.iter().filter_map(|letter| letter["id"].as_u64()).collect())
}

async fn rehearse(
    args: &DecideArgs,
    client: &Client,
    decision: Decision,
    output: Output,
) -> Result<ExitCode, Error> {
    let found = args.filters.select(client, LetterState::Open, usize::MAX).await?;
    for letter in &found.letters {
        let mut letter = letter.clone();
        letter["would"] = json!(decision.as_str());
        output.object(&letter);
    }
    if !found.letters.is_empty() {
        say_table(&found.letters, output);
    }
    output.say(format_args!(
        "{} would be {}; nothing was done, leave out --dry-run to do it",
        found.letters.len(),
        decision.past()
    ));
    Ok(ExitCode::SUCCESS)
}

/// One after the other. What the stack refuses is told and the rest goes on; without a stack it ends.
async fn decide_all(
    client: &Client,
    ids: &[u64],
    rate: u32,
    record: &Record<'_>,
    output: Output,
) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    let mut beats = tokio::time::interval(Duration::from_secs(1) / rate);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let bar = output.progress(ids.len(), record.decision.past());
    for id in ids {
        beats.tick().await;
        match client.decide(*id, record.decision, record.by, record.why).await {
            Ok(answer) => {
                output.object(&answer);
                bar.suspend(|| output.say(sentence(*id, &answer)));
                if answer["already"] == true { tally.already += 1 } else { tally.decided += 1 }
            }
            Err(Error::Refused { problem }) => {
                output.object(&json!({ "id": id, "error": problem.detail, "status": problem.status }));
                bar.suspend(|| output.say(format_args!("{id}  failed: {}", problem.detail)));
                tally.failed += 1;
            }
            Err(error) => {
                bar.finish_and_clear();
                let done = tally.decided + tally.already;
                output.note(format_args!("{done} of {} were decided; run it again for the rest", ids.len()));
                return Err(error);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(tally)
}

fn sentence(id: u64, answer: &Value) -> String {
    let text = |field: &str| answer[field].as_str().unwrap_or("-");
    let (state, work) = (text("state"), decided_work(answer));
    if answer["already"] == true {
        let (by, at, why) = (text("resolved_by"), text("resolved_at"), text("resolved_why"));
        return format!("{id}  {work}  was {state} before, by {by} at {at}: {why}");
    }
    format!("{id}  {work}  {state}")
}

fn decided_work(answer: &Value) -> String {
    let delivery = &answer["delivery"];
    if delivery.is_object() { work(delivery) } else { work(answer) }
}
