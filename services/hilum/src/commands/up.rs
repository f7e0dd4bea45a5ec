//! `hilum up`.

use std::process::ExitCode;

use clap::Args;
use hilum_sites::Sites;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::output::Output;
use crate::stack::{self, StackState, StateFolder, UpSettings};

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    settings: UpSettings,
    /// Go to the background once everything is ready
    #[arg(long)]
    detach: bool,
    /// This is the background process
    #[arg(long, hide = true)]
    background: bool,
}

pub(super) async fn run(args: UpArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    // Said here rather than in the logs of three services that don't come up.
    Sites::read(args.settings.sites.as_deref())?;
    if args.detach {
        let state = detached(&folder, &args.settings, output).await?;
        say_ready(&folder, &state, output);
        return Ok(ExitCode::SUCCESS);
    }
    if args.background {
        stack::leave_session()?;
    }
    stack::run(folder, &args.settings, output).await
}

/// Starts a stack in the background, unless one runs already.
pub(super) async fn detached(
    folder: &StateFolder,
    settings: &UpSettings,
    output: Output,
) -> Result<StackState, Error> {
    if folder.is_locked()? {
        let path = folder.path().to_owned();
        return Err(match stack::running(folder) {
            Ok(state) => Error::AlreadyRuns { folder: path, pid: state.pid, base_url: state.base_url },
            Err(_) => Error::Busy { folder: path },
        });
    }
    output.note(format_args!("starting the stack in {} …", folder.path().display()));
    stack::start_detached(folder, settings).await
}

fn say_ready(folder: &StateFolder, state: &StackState, output: Output) {
    if state.untrained {
        output.note(hilum_models::UNTRAINED_NOTICE);
    }
    let path = folder.path().display();
    output.note(format_args!(
        "running in the background (process {}); stop it with `hilum down --state {path}`",
        state.pid
    ));
    output.say(format_args!("ready: {}", state.base_url));
    output.object(&json!({
        "event": "ready",
        "base_url": state.base_url,
        "pid": state.pid,
        "state": folder.path(),
        "untrained": state.untrained,
    }));
}
