//! `hilum job take-out`: an image leaves its study again, and the study's report is revised. A repeated run changes nothing
//! and says so.

use std::process::ExitCode;

use clap::Args;
use hilum_client::Client;
use hilum_terminal::Output;
use serde_json::json;

use super::super::StackArgs;
use super::super::decisions::{DecisionArgs, DecisionOutcome, Record, Tally, Told};
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct TakeOutArgs {
    /// These jobs' images
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &TakeOutArgs, output: Output) -> Result<ExitCode, Error> {
    if args.decision.dry_run {
        for id in &args.ids {
            output.object(&json!({ "job_id": id, "would": "take out" }));
        }
        let count = args.ids.len();
        output
            .say(format_args!("{count} would be taken out; nothing was done, leave out --dry-run to do it"));
        return Ok(ExitCode::SUCCESS);
    }
    let (client, record) = (args.stack.client()?, args.decision.record()?);
    let taken = args
        .decision
        .decide_all(&args.ids, "taken out", output, async |id| take_out(&client, id, &record).await);
    let tally = taken.await?;
    let Tally { decided, already, failed } = tally;
    output.say(format_args!("{decided} taken out, {already} were before, {failed} failed"));
    Ok(tally.exit_code())
}

async fn take_out(client: &Client, id: &str, record: &Record) -> Result<Told, Error> {
    match client.take_out(id, &record.by, &record.why).await {
        Ok(answer) => {
            let (outcome, word) = match answer.already {
                true => (DecisionOutcome::Already, "was taken out before"),
                false => (DecisionOutcome::Decided, "taken out"),
            };
            let line = format!("{id}  {word}, study {}", answer.study_id);
            Ok(Told { outcome, line, object: json!(answer) })
        }
        Err(hilum_client::Error::Refused { problem }) => {
            let line = format!("{id}  failed: {}", problem.detail);
            let object = json!({ "job_id": id, "error": problem.detail, "status": problem.status });
            Ok(Told { outcome: DecisionOutcome::Failed, line, object })
        }
        Err(error) => Err(error.into()),
    }
}
