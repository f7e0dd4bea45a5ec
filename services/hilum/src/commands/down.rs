//! `hilum down`.

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hilum_servers::wait_while_working;
use nix::sys::signal::Signal;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::output::Output;
use crate::stack::{self, StackState, StateFolder};

/// A stack of which no process does anything for so long hangs: the supervisor kills before whoever does not stop. One
/// that works is waited for; the log's server writes the longer the more is stored.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// Between two words on what still stops.
const SAY_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &DownArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    let path = folder.path().display();
    match stop(&folder, output).await? {
        Some(pid) => output.say(format_args!("stopped the stack in {path} (process {pid})")),
        None => output.say(format_args!("no stack runs in {path}")),
    }
    output.object(&json!({ "event": "stopped", "state": folder.path().to_string_lossy() }));
    Ok(ExitCode::SUCCESS)
}

/// Stops the stack of `folder` and waits until it is gone; `None` when there was none.
pub(super) async fn stop(folder: &StateFolder, output: Output) -> Result<Option<u32>, Error> {
    if !folder.is_locked()? {
        return Ok(None);
    }
    let state = StackState::read(folder)?;
    let running = state.and_then(|state| stack::holder(folder, &state).map(|holder| (holder, state)));
    let (supervisor, state) =
        running.ok_or_else(|| Error::UnknownHolder { folder: folder.path().to_owned() })?;
    supervisor.signal(Signal::SIGTERM);
    let parts = stack::running_parts(&state).into_iter().map(|(_, process)| process.pid);
    let pids: Vec<u32> = parts.chain([supervisor.pid]).collect();
    let stopped = wait_while_working(&pids, IDLE_LIMIT, || async move { !supervisor.runs() });
    tokio::select! {
        stopped = stopped => match stopped {
            true => Ok(Some(supervisor.pid)),
            false => Err(Error::StillStopping { pid: supervisor.pid, limit_s: IDLE_LIMIT.as_secs() }),
        },
        never = say_what_stops(&state, output) => match never {},
    }
}

async fn say_what_stops(state: &StackState, output: Output) -> Infallible {
    let mut words = tokio::time::interval(SAY_EVERY);
    words.tick().await;
    loop {
        words.tick().await;
        let parts: Vec<_> = stack::running_parts(state).into_iter().map(|(name, _)| name).collect();
        output.note(format_args!("waiting for {} to stop", parts.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_what_does_not_run_is_no_error() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        assert_eq!(stop(&folder, Output::new(false)).await.unwrap(), None);
    }
}
