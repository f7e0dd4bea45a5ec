//! `hilum dlq redrive` and `hilum dlq discard`: the same decision about each dead letter that is meant, at a
//! steady pace. A repeated run changes nothing and says so.

use std::process::ExitCode;

use clap::Args;
use hilum_api::{Decided, GivenUpDelivery};
use hilum_client::{Client, Decision};
use hilum_terminal::Output;
use serde_json::json;

use super::super::StackArgs;
use super::super::decisions::{DecisionArgs, DecisionOutcome, Record, Tally, Told};
use super::super::study::cell;
use super::filters::Filters;
use super::{LetterState, say_table};
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    filters: Filters,
    /// All that nobody has decided about
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    stack: StackArgs,
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
    if args.decision.dry_run {
        return rehearse(args, &client, decision, output).await;
    }
    let record = args.decision.record()?;
    let ids = chosen(args, &client).await?;
    if ids.is_empty() {
        output.say("nothing to decide: no open dead letter is meant");
        return Ok(ExitCode::SUCCESS);
    }
    let word = decision.past();
    let tally = args
        .decision
        .decide_all(&ids, word, output, async |id| decide_one(&client, *id, decision, &record).await)
        .await?;
    let Tally { decided, already, failed } = tally;
    output.say(format_args!("{decided} {word}, {already} {word} before, {failed} failed"));
    Ok(tally.exit_code())
}

/// All are chosen before the first is decided: what is decided is open no more, and would shift the pages.
async fn chosen(args: &DecideArgs, client: &Client) -> Result<Vec<u64>, Error> {
    if !args.filters.ids.is_empty() {
        return Ok(args.filters.ids.clone());
    }
    let found = args.filters.select(client, LetterState::Open, usize::MAX).await?;
    Ok(found.letters.iter().map(|letter| letter.id).collect())
}

async fn rehearse(
    args: &DecideArgs,
    client: &Client,
    decision: Decision,
    output: Output,
) -> Result<ExitCode, Error> {
    let found = args.filters.select(client, LetterState::Open, usize::MAX).await?;
    for letter in &found.letters {
        let mut letter = json!(letter);
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

/// What the stack refuses is told and the rest goes on; without a stack it ends.
async fn decide_one(client: &Client, id: u64, decision: Decision, record: &Record) -> Result<Told, Error> {
    match client.decide(id, decision, &record.by, &record.why).await {
        Ok(answer) => {
            let outcome = if answer.already { DecisionOutcome::Already } else { DecisionOutcome::Decided };
            Ok(Told { outcome, line: sentence(id, &answer), object: json!(answer) })
        }
        Err(hilum_client::Error::Refused { problem }) => Ok(Told {
            outcome: DecisionOutcome::Failed,
            line: format!("{id}  failed: {}", problem.detail),
            object: json!({ "id": id, "error": problem.detail, "status": problem.status }),
        }),
        Err(error) => Err(error.into()),
    }
}

fn sentence(id: u64, decided: &Decided) -> String {
    let Decided { state, resolved_by, resolved_why, resolved_at, .. } = decided;
    let (state, work) = (state.as_str(), decided_work(decided));
    if decided.already {
        return format!(
            "{id}  {work}  was {state} before, by {resolved_by} at {resolved_at}: {resolved_why}"
        );
    }
    format!("{id}  {work}  {state}")
}

fn decided_work(decided: &Decided) -> String {
    match &decided.delivery {
        None => format!("job {}", cell(&decided.job_id)),
        Some(GivenUpDelivery { study_id, matter, target, .. }) => {
            format!("{matter} of study {study_id} to {target}")
        }
    }
}
