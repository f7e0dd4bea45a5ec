//! `hilum down`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hilum_servers::wait_until;
use nix::sys::signal::Signal;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::output::Output;
use crate::stack::{self, StackState, StateFolder};

/// What a clean stop may take: services 15 s, then the servers.
const STOP_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &DownArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    let path = folder.path().display();
    match stop(&folder).await? {
        Some(pid) => output.say(format_args!("stopped the stack in {path} (process {pid})")),
        None => output.say(format_args!("no stack runs in {path}")),
    }
    output.object(&json!({ "event": "stopped", "state": folder.path() }));
    Ok(ExitCode::SUCCESS)
}

/// Stops the stack of `folder` and waits until it is gone; `None` when there was none.
pub(super) async fn stop(folder: &StateFolder) -> Result<Option<u32>, Error> {
    if !folder.is_locked()? {
        return Ok(None);
    }
    let state = StackState::read(folder)?;
    let supervisor = state.and_then(|state| stack::holder(folder, &state));
    let supervisor = supervisor.ok_or_else(|| Error::UnknownHolder { folder: folder.path().to_owned() })?;
    supervisor.signal(Signal::SIGTERM);
    if wait_until(STOP_LIMIT, || async move { !supervisor.runs() }).await {
        Ok(Some(supervisor.pid))
    } else {
        Err(Error::StillStopping { pid: supervisor.pid, limit_s: STOP_LIMIT.as_secs() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_what_does_not_run_is_no_error() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        assert_eq!(stop(&folder).await.unwrap(), None);
    }
}
