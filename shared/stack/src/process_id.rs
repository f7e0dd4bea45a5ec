//! Which process is meant by a pid: pids are used again, so the time of the process's start goes with it. Reads
//! /proc, hence Linux only; elsewhere no process is ever recognised.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

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
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in brackets, may hold anything; what follows it does not. A zombie (Z) runs no more.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        Some(Self { pid, started_ticks: fields.nth(18)?.parse().ok()? })
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
