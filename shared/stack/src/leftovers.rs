//! Which process is meant by a pid: pids are used again, so the time of the process's start goes with it. Reads
//! /proc, hence Linux only; elsewhere no process is ever recognised.

use std::fs;
use std::time::Duration;

use hilum_servers::wait_while_working;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::folder::StateFolder;
use super::state::{StackState, Status};
use crate::error::Error;
use crate::output::Output;

/// A process of a run that was killed hangs when it does nothing for so long. As long as it works, it writes what spares
/// the next start to read all that is stored.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// A process, not to be confused with a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// Number.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot.
    pub(crate) started_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in brackets, may hold anything; what follows it does not. A zombie (Z) runs no more.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        Some(Self { pid, started_ticks: fields.nth(18)?.parse().ok()? })
    }

    /// Whether it still runs.
    pub(crate) fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal if it still runs.
    pub(crate) fn signal(self, signal: Signal) {
        if self.runs()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // It may have ended just now; then there is nothing to signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// The supervisor of `folder`: the process that the state file names and that has the lock file open.
pub(crate) fn holder(folder: &StateFolder, state: &StackState) -> Option<ProcessId> {
    let lock = fs::canonicalize(folder.lock_file()).ok()?;
    let mut open_files = fs::read_dir(format!("/proc/{}/fd", state.pid)).ok()?;
    open_files
        .any(|file| file.is_ok_and(|file| fs::read_link(file.path()).is_ok_and(|target| target == lock)))
        .then(|| ProcessId::of(state.pid))?
}

/// The parts of `state` whose processes still run, by name.
pub(crate) fn running_parts(state: &StackState) -> Vec<(&str, ProcessId)> {
    let running = |process: &ProcessId| process.runs();
    let parts = state.parts.iter();
    parts.filter_map(|part| Some((part.name.as_str(), part.process.filter(running)?))).collect()
}

/// Waits for the processes of an earlier run whose supervisor was killed: the kernel has told them to stop, and
/// two servers must not work in one folder.
pub(crate) async fn await_leftovers(state: &StackState, output: Output) -> Result<(), Error> {
    if state.status == Status::Stopped {
        return Ok(());
    }
    for (name, process) in running_parts(state) {
        tracing::warn!(name, pid = process.pid, "waiting for a process of an earlier run");
        output.note(format_args!("waiting for {name} of an earlier run to stop (process {})", process.pid));
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

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.runs());
        assert!(!ProcessId { started_ticks: me.started_ticks + 1, ..me }.runs());
    }

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
        await_leftovers(&state, Output::new(false)).await.unwrap();
        assert!(!child.wait().await.unwrap().success());
    }
}
