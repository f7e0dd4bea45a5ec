//! Whether a process works: reads, writes or computes, itself or by its children. What takes long because there is much
//! of it is told by this from what hangs.

use std::future::Future;
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::wait::wait_until;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A process that computes less than this share of a core only turns over in its sleep.
const LEAST_SHARE: f64 = 0.1;
/// Linux tells processor time in hundredths of a second, whatever its own clock is.
const TICKS_PER_S: f64 = 100.0;

/// What a process and its children have done since they started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Bytes read, from wherever.
    pub read_bytes: u64,
    /// Bytes written, to wherever.
    pub written_bytes: u64,
    cpu_ticks: u64,
}

impl Activity {
    /// What the process `pid` has done; `None` when it does not run.
    pub fn of(pid: u32) -> Option<Self> {
        let process = process_of(pid)?;
        let own = Self::alone(&process)?;
        let children = children(&process).into_iter().filter_map(process_of);
        Some(children.filter_map(|child| Self::alone(&child)).fold(own, Self::and))
    }

    fn alone(process: &Process) -> Option<Self> {
        let stat = process.stat().ok()?;
        // What another user's process reads and writes is not told.
        let (read_bytes, written_bytes) = process.io().map_or((0, 0), |io| (io.rchar, io.wchar));
        Some(Self { read_bytes, written_bytes, cpu_ticks: stat.utime + stat.stime })
    }

    fn and(self, other: Self) -> Self {
        Self {
            read_bytes: self.read_bytes + other.read_bytes,
            written_bytes: self.written_bytes + other.written_bytes,
            cpu_ticks: self.cpu_ticks + other.cpu_ticks,
        }
    }

    /// Whether work was done since it was `before`, `passed` ago.
    fn shows_work_since(self, before: Self, passed: Duration) -> bool {
        let cpu_s = self.cpu_ticks.saturating_sub(before.cpu_ticks) as f64 / TICKS_PER_S;
        (self.read_bytes, self.written_bytes) != (before.read_bytes, before.written_bytes)
            || cpu_s >= passed.as_secs_f64() * LEAST_SHARE
    }
}

fn process_of(pid: u32) -> Option<Process> {
    Process::new(i32::try_from(pid).ok()?).ok()
}

fn children(process: &Process) -> Vec<u32> {
    let tasks = process.tasks().into_iter().flatten().flatten();
    tasks.filter_map(|task| task.children().ok()).flatten().collect()
}

/// Waits for `gone`, as long as any of the processes `pids` works: `false` when none has for `idle_limit`.
pub async fn wait_while_working<F, Fut>(pids: &[u32], idle_limit: Duration, gone: F) -> bool
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let look = || pids.iter().filter_map(|pid| Activity::of(*pid)).fold(Activity::default(), Activity::and);
    let idle = async {
        let (mut before, mut at, mut worked_at) = (look(), Instant::now(), Instant::now());
        while worked_at.elapsed() < idle_limit {
            tokio::time::sleep(LOOK_EVERY.min(idle_limit)).await;
            let now = look();
            if now.shows_work_since(before, at.elapsed()) {
                worked_at = Instant::now();
            }
            (before, at) = (now, Instant::now());
        }
    };
    tokio::select! {
        gone = wait_until(Duration::MAX, gone) => gone,
        () = idle => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> std::process::Child {
        std::process::Command::new("sh").args(["-c", script]).spawn().unwrap()
    }

    async fn is_waited_for(mut child: std::process::Child) -> bool {
        let pid = child.id();
        let gone = || {
            let ended = !matches!(child.try_wait(), Ok(None));
            async move { ended }
        };
        let gone = wait_while_working(&[pid], Duration::from_millis(400), gone).await;
        let _ = child.kill();
        let _ = child.wait();
        gone
    }

    #[tokio::test]
    async fn who_writes_or_computes_is_waited_for_and_who_sleeps_is_not() {
        let writes = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; echo $i > /dev/null; done";
        assert!(is_waited_for(shell(writes)).await);
        let computes = "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done";
        assert!(is_waited_for(shell(computes)).await);
        assert!(!is_waited_for(shell("exec sleep 60")).await);
    }

    #[tokio::test]
    async fn what_a_child_does_counts() {
        let mut parent = shell("sh -c 'read line < /proc/self/status; exec sleep 60'; :");
        let pid = parent.id();
        let counts = || async {
            let (alone, all) =
                (process_of(pid).and_then(|process| Activity::alone(&process)), Activity::of(pid));
            alone.zip(all).is_some_and(|(alone, all)| all.read_bytes > alone.read_bytes)
        };
        let counts = wait_until(Duration::from_secs(10), counts).await;
        for child in process_of(pid).iter().flat_map(children) {
            let child = nix::unistd::Pid::from_raw(child.cast_signed());
            nix::sys::signal::kill(child, nix::sys::signal::SIGKILL).unwrap();
        }
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(counts);
        assert_eq!(Activity::of(pid), None);
    }
}
