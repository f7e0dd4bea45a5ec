//! One child process: started, watched, asked to stop, and gone when its parent is gone.
#![allow(unsafe_code, reason = "pre_exec is unsafe; the closure below only makes one async-signal-safe call")]

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::BoxFuture;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::activity::wait_while_working;
use crate::wait::wait_until;

/// A server could not be started or did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or folder could not be prepared.
    #[error("cannot prepare {path}")]
    Prepare {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program could not be run.
    #[error("cannot run {program}; `make setup` fetches what is missing")]
    Run {
        /// Program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program ran and failed, or was not ready in time.
    #[error("{name} did not come up ({what}); its log is {log}")]
    NotReady {
        /// Server.
        name: String,
        /// What was seen.
        what: String,
        /// Where to look.
        log: PathBuf,
    },
}

/// A running child. Killed when dropped; ended by the kernel when the parent dies.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`. Call it from a thread that lives as long as the
    /// child shall: the kernel ends the child with the thread.
    ///
    /// # Errors
    /// When the log can't be opened or the program can't be run.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, ServerError> {
        let prepare = |source| ServerError::Prepare { path: log.to_owned(), source };
        let sink = open_log(log).map_err(prepare)?;
        let same = sink.try_clone().map_err(prepare)?;
        let program = PathBuf::from(command.as_std().get_program());
        // A group of its own: Ctrl-C reaches only the parent, which then stops its children in order.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(sink).stderr(same).kill_on_drop(true);
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory.
        unsafe {
            command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from));
        }
        let child = command.spawn().map_err(|source| ServerError::Run { program, source })?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// The name it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until it ends. Cancel safe.
    ///
    /// # Errors
    /// When the kernel won't tell.
    pub fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>> {
        Box::pin(async move { self.child.wait().await })
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.raw_pid() {
            // It may have ended just now; then there is nothing to signal.
            let _ = kill(pid, signal);
        }
    }

    /// Stops it in the middle of whatever it does, and returns when all of its threads stand still: a signal alone
    /// reaches a process some time later, and until then it goes on. It goes on after SIGCONT.
    pub fn freeze(&self) {
        if let Some(pid) = self.raw_pid() {
            self.signal(Signal::SIGSTOP);
            // Also when it ended before. WNOWAIT leaves its status for the call that waits for its end.
            let seen = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            let _ = waitid(Id::Pid(pid), seen);
        }
    }

    fn raw_pid(&self) -> Option<Pid> {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
    }

    /// Asks it to stop by `signal` and waits; kills it after `limit`.
    pub fn stop(mut self, signal: Signal, limit: Duration) -> BoxFuture<'static, Option<ExitStatus>> {
        Box::pin(async move {
            self.signal(signal);
            match tokio::time::timeout(limit, self.child.wait()).await {
                Ok(status) => status.ok(),
                Err(_) => {
                    tracing::warn!(name = self.name, "killed: it did not stop in time");
                    let _ = self.child.kill().await;
                    None
                }
            }
        })
    }

    /// Asks it to stop by `signal` and waits as long as it works at that, however long; kills it when it has neither
    /// read, written nor computed for `idle_limit`.
    pub fn stop_when_done(
        mut self,
        signal: Signal,
        idle_limit: Duration,
    ) -> BoxFuture<'static, Option<ExitStatus>> {
        Box::pin(async move {
            self.signal(signal);
            let pids: Vec<u32> = self.child.id().into_iter().collect();
            tokio::select! {
                status = self.child.wait() => return status.ok(),
                _ = wait_while_working(&pids, idle_limit, || async { false }) => {}
            }
            tracing::warn!(name = self.name, "killed: it was asked to stop and does nothing");
            let _ = self.child.kill().await;
            None
        })
    }

    /// Waits until `ready`, while the process runs, `limit` at most; `Duration::MAX` is none.
    ///
    /// # Errors
    /// When it ended or was not ready in time.
    pub async fn wait_ready<F, Fut>(&mut self, limit: Duration, ready: F) -> Result<(), ServerError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = bool>,
    {
        let what = tokio::select! {
            ready = wait_until(limit, ready) => {
                if ready {
                    return Ok(());
                }
                format!("not ready after {limit:?}")
            }
            ended = self.child.wait() => ended.map_or_else(|e| e.to_string(), |status| status.to_string()),
        };
        Err(ServerError::NotReady { name: self.name.clone(), what, log: self.log.clone() })
    }
}

fn open_log(log: &Path) -> io::Result<File> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(log)
}

/// The status code of `GET path` on a loopback port; `None` when nobody answers.
pub fn http_status(port: u16, path: &str) -> BoxFuture<'_, Option<u16>> {
    Box::pin(async move {
        let exchange = async {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.ok()?;
            std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
        };
        tokio::time::timeout(Duration::from_secs(2), exchange).await.ok().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE_LIMIT: Duration = Duration::from_millis(500);

    /// Runs a shell script that says `up` when it listens to signals.
    async fn script(text: &str) -> (tempfile::TempDir, Process) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        let mut process = Process::start("script", command, &log).unwrap();
        let is_up = || async { std::fs::read_to_string(&log).is_ok_and(|text| text.contains("up")) };
        process.wait_ready(Duration::from_secs(10), is_up).await.unwrap();
        (folder, process)
    }

    #[tokio::test]
    async fn who_writes_after_it_was_asked_to_stop_is_waited_for() {
        let writes = "trap 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; echo $i; done; exit 7' TERM
            echo up; while :; do sleep 0.05; done";
        let (_folder, process) = script(writes).await;
        let status = process.stop_when_done(Signal::SIGTERM, IDLE_LIMIT).await;
        assert_eq!(status.and_then(|status| status.code()), Some(7));
    }

    #[tokio::test]
    async fn who_does_nothing_after_it_was_asked_to_stop_is_killed() {
        let (_folder, process) = script("trap '' TERM; echo up; exec sleep 600").await;
        assert_eq!(process.stop_when_done(Signal::SIGTERM, IDLE_LIMIT).await, None);
    }

    #[tokio::test]
    async fn who_is_frozen_does_nothing_more_until_it_goes_on() {
        let (_folder, process) = script("trap 'exit 7' TERM; echo up; while :; do :; done").await;
        let stat = format!("/proc/{}/stat", process.pid().unwrap());
        for _ in 0..200 {
            process.freeze();
            assert_eq!(
                std::fs::read_to_string(&stat).unwrap().rsplit(") ").next().unwrap().chars().next(),
                Some('T')
            );
            process.signal(Signal::SIGCONT);
        }
        let status = process.stop(Signal::SIGTERM, Duration::from_secs(10)).await;
        assert_eq!(status.and_then(|status| status.code()), Some(7));
    }
}
