//! Which processes of a stack run: its supervisor, its parts, and what an earlier run left.

use std::fs;
use std::time::Duration;

use hilum_servers::wait_while_working;
use nix::sys::signal::Signal;
use procfs::process::{FDInfo, FDTarget, Process};

use super::folder::StateFolder;
use super::process_id::ProcessId;
use super::state::{StackState, Status};
use crate::error::Error;
use crate::news::{News, Observer};

/// A process of a run that was killed hangs when it does nothing for so long. As long as it works, it writes what spares
/// the next start to read all that is stored.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// The supervisor of `folder`: the process that the state file names and that has the lock file open.
pub fn holder(folder: &StateFolder, state: &StackState) -> Option<ProcessId> {
    let lock = fs::canonicalize(folder.lock_file()).ok()?;
    let mut open_files =
        Process::new(i32::try_from(state.pid).ok()?).and_then(|process| process.fd()).ok()?;
    let is_lock = |file: FDInfo| matches!(file.target, FDTarget::Path(path) if path == lock);
    open_files.any(|file| file.is_ok_and(is_lock)).then(|| ProcessId::of(state.pid))?
}

/// What runs in `folder`.
///
/// # Errors
/// When nothing runs there.
pub fn running(folder: &StateFolder) -> Result<StackState, Error> {
    let not_running = || Error::NotRunning { folder: folder.path().to_owned() };
    if !folder.is_locked()? {
        return Err(not_running());
    }
    StackState::read(folder)?.filter(|state| state.status != Status::Stopped).ok_or_else(not_running)
}

/// The parts of `state` whose processes still run, by name.
pub fn running_parts(state: &StackState) -> Vec<(&str, ProcessId)> {
    let running = |process: &ProcessId| process.runs();
    let parts = state.parts.iter();
    parts.filter_map(|part| Some((part.name.as_str(), part.process.filter(running)?))).collect()
}

/// Waits for the processes of an earlier run whose supervisor was killed: the kernel has told them to stop, and
/// two servers must not work in one folder.
pub(crate) async fn await_leftovers(state: &StackState, observer: &dyn Observer) -> Result<(), Error> {
    if state.status == Status::Stopped {
        return Ok(());
    }
    for (name, process) in running_parts(state) {
        tracing::warn!(name, pid = process.pid, "waiting for a process of an earlier run");
        observer.notice(&News::Leftover { name, pid: Some(process.pid) });
        // For Postgres: do not wait for clients.
        process.signal(Signal::SIGINT);
        if !wait_while_working(&[process.pid], IDLE_LIMIT, || async move { !process.runs() }).await {
            return Err(Error::Leftover { name: name.to_owned(), pid: process.pid });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::state::sample;
    use super::*;
    use crate::news::Unseen;

    #[tokio::test]
    async fn only_a_process_that_has_the_lock_open_is_the_holder() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        folder.create().unwrap();
        let state = StackState { pid: std::process::id(), ..sample() };
        assert_eq!(holder(&folder, &state), None);
        let lock = folder.lock().await.unwrap();
        assert!(lock.is_some());
        assert_eq!(holder(&folder, &state), ProcessId::of(std::process::id()));
    }

    #[tokio::test]
    async fn a_process_of_an_earlier_run_is_waited_for() {
        let mut child = tokio::process::Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap();
        let mut state = sample();
        state.parts[0].process = ProcessId::of(child.id().unwrap());
        assert!(state.parts[0].process.is_some());
        await_leftovers(&state, &Unseen).await.unwrap();
        assert!(!child.wait().await.unwrap().success());
    }
}
