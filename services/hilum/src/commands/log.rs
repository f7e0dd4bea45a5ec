//! `hilum log`: what the event log has lost, and an operator's word that it is to go on without that.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hilum_client::Client;
use hilum_events::{LogLossAccepted, LostFact};
use hilum_terminal::Output;

use super::StackArgs;
use super::decisions::who;
use super::study::cell;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell where readers of the log stand at a hole, and which losses were accepted
    Losses(LossesArgs),
    /// Have all readers go on without what no server can read any more; try to restore stream EVENTS from a copy first
    AcceptLoss(AcceptArgs),
}

#[derive(Debug, Args)]
struct LossesArgs {
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Args)]
struct AcceptArgs {
    /// The first position that is lost; by default the hole at which readers stand
    #[arg(long, value_name = "N", requires = "last")]
    first: Option<u64>,
    /// The last one
    #[arg(long, value_name = "N", requires = "first")]
    last: Option<u64>,
    /// Who decides, for the record; by default USER@HOST
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The reason, for the record; never a patient's name or number
    #[arg(long, value_name = "REASON")]
    why: String,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &LogArgs, output: Output) -> Result<ExitCode, Error> {
    match &args.action {
        Action::Losses(args) => losses(args, output).await,
        Action::AcceptLoss(args) => accept(args, output).await,
    }
}

async fn losses(args: &LossesArgs, output: Output) -> Result<ExitCode, Error> {
    let found = args.stack.client()?.losses().await?;
    output.object(&found);
    for accepted in &found.accepted {
        output.say(format_args!("accepted: {}", positions(accepted.first_seq, accepted.last_seq)));
    }
    let Some(hole) = found.hole else {
        output.say("no reader stands at a hole");
        return Ok(ExitCode::SUCCESS);
    };
    output.say(format_args!("LOST, and not accepted: {}", positions(hole.first_seq, hole.last_seq)));
    Ok(ExitCode::FAILURE)
}

async fn accept(args: &AcceptArgs, output: Output) -> Result<ExitCode, Error> {
    let client = args.stack.client()?;
    let by = who(args.by.as_ref())?;
    let (first, last) = match (args.first, args.last) {
        (Some(first), Some(last)) => (first, last),
        _ => hole(&client).await?,
    };
    let mut from = first;
    while from <= last {
        let to = last.min(from.saturating_add(LogLossAccepted::POSITIONS_MAX - 1));
        let accepted = client.accept_loss((from, to), &by, &args.why).await?;
        output.object(&accepted);
        output.say(format_args!("accepted the loss of {}", positions(accepted.first_seq, accepted.last_seq)));
        let row = |fact: &LostFact| {
            vec![cell(&fact.seq), fact.event.clone(), cell(&fact.job_id), cell(&fact.study_id)]
        };
        if !accepted.lost.is_empty() {
            output.table(&["position", "event", "job", "study"], accepted.lost.iter().map(row));
        }
        from = to + 1;
    }
    Ok(ExitCode::SUCCESS)
}

async fn hole(client: &Client) -> Result<(u64, u64), Error> {
    let found = client.losses().await?;
    let none =
        || Error::Usage("no reader stands at a hole; say which positions: --first N --last N".to_owned());
    found.hole.map(|hole| (hole.first_seq, hole.last_seq)).ok_or_else(none)
}

fn positions(first: u64, last: u64) -> String {
    if first == last { format!("position {first}") } else { format!("positions {first} to {last}") }
}
