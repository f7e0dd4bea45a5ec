//! `hilum up --detach`: the same program again, in a session of its own, and waiting until it is ready.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::Duration;

use hilum_servers::{tail, wait_until};
use nix::unistd::setsid;

use super::folder::StateFolder;
use super::logs::last_error;
use super::settings::UpSettings;
use super::state::{StackState, Status};
use crate::error::Error;

/// The background process gives up by itself; this is for when it hangs.
const GRACE: Duration = Duration::from_secs(60);

/// Starts a stack in the background and waits until it is ready.
///
/// # Errors
/// When it does not come up.
pub(crate) async fn start_detached(folder: &StateFolder, settings: &UpSettings) -> Result<StackState, Error> {
    folder.create()?;
    let log = folder.log_of("hilum");
    let sink = OpenOptions::new().create(true).append(true).open(&log).map_err(Error::file("open", &log))?;
    let before = sink.metadata().map_or(0, |found| found.len());
    let program = std::env::current_exe().map_err(Error::file("find", "/proc/self/exe"))?;
    let mut command = Command::new(program);
    command.args(["up", "--json", "--background", "--state"]).arg(folder.path());
    command.args(settings.to_arguments());
    command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(sink);
    let child = command.spawn();
    let mut child =
        child.map_err(|source| Error::System { operation: "start the background process", source })?;

    let pid = child.id();
    let mut state = None;
    let limit = Duration::from_secs(settings.ready_limit_s) + GRACE;
    wait_until(limit, || {
        let ended = !matches!(child.try_wait(), Ok(None));
        state = StackState::read(folder).ok().flatten();
        let ready = state.as_ref().is_some_and(|state| state.pid == pid && state.status == Status::Ready);
        async move { ended || ready }
    })
    .await;
    match state.filter(|state| state.pid == pid && state.status == Status::Ready) {
        Some(state) => Ok(state),
        None => Err(match last_error(&log, before) {
            Some(what) => Error::NotUp { what, log },
            None => Error::Detached { tail: tail(&log, before, 8), log },
        }),
    }
}

/// Called by the background process: leaves the terminal's session.
pub(crate) fn leave_session() -> Result<(), Error> {
    match setsid() {
        Ok(_) => Ok(()),
        Err(errno) => Err(Error::System { operation: "leave the session", source: errno.into() }),
    }
}
