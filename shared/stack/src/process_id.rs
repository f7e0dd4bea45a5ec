//! Which process is meant by a pid: pids are used again, so the time of the process's start goes with it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;
use serde::{Deserialize, Serialize};

/// The state of a process that runs no more and whose end nobody has asked for.
const ZOMBIE: char = 'Z';

/// A process, not to be confused with a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number that the system gives it while it runs.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Process::new(i32::try_from(pid).ok()?).and_then(|process| process.stat()).ok()?;
        (stat.state != ZOMBIE).then_some(Self { pid, started_ticks: stat.starttime })
    }

    /// Whether it still runs.
    pub fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal if it still runs.
    pub fn signal(self, signal: Signal) {
        if self.runs()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // It may have ended just now; then there is nothing to signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.runs());
        assert!(!ProcessId { started_ticks: me.started_ticks + 1, ..me }.runs());
    }
}
