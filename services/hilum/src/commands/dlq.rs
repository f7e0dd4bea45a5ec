//! `hilum dlq`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::StackArgs;
use super::study::text;
use crate::error::Error;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct DlqArgs {
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &DlqArgs, output: Output) -> Result<ExitCode, Error> {
    let answer = args.stack.client()?.dead_letters().await?;
    let letters: &[Value] = answer["dead_letters"].as_array().map_or(&[], Vec::as_slice);
    for letter in letters {
        output.object(letter);
    }
    if letters.is_empty() {
        output.say("no job was given up");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = letters.iter().map(|letter| {
        ["at", "job_id", "site", "consumer", "tries", "reason"].map(|field| text(&letter[field])).to_vec()
    });
    output.table(&["when", "job", "site", "given up by", "tries", "reason"], rows);
    Ok(ExitCode::SUCCESS)
}
