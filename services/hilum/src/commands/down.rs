//! `hilum down`.

use std::process::ExitCode;

use clap::Args;
use hilum_terminal::Output;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::news::Narrator;

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &DownArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    let path = folder.path().display();
    match hilum_stack::stop(&folder, &Narrator(output)).await? {
        Some(pid) => output.say(format_args!("stopped the stack in {path} (process {pid})")),
        None => output.say(format_args!("no stack runs in {path}")),
    }
    output.object(&json!({ "event": "stopped", "state": folder.path().to_string_lossy() }));
    Ok(ExitCode::SUCCESS)
}
