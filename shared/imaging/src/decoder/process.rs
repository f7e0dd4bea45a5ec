//! One decoder process seen from outside: started, asked, and diagnosed when it dies. Knows no pixels.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::DecoderConfig;
use crate::error::{CrashCause, DecodeError};
use crate::wire::{self, Reply, Request};

/// Exit status of a child that could not cap itself, or was not spoken to properly.
pub(super) const EXIT_NOT_READY: u8 = 71;

/// Has the child keep the memory of one file for the next, up to 64 MiB: getting every buffer anew from the kernel costs up to
/// a fifth of the decoding. These are glibc's names; other allocators do not know them.
const KEEPS_MEMORY: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ("MALLOC_TRIM_THRESHOLD_", "67108864"),
];

/// Most files, and the numbers that a model takes, fit whole, so that writer and reader seldom wait for each other. All
/// pipes of an ordinary user together may hold 64 MiB, which is enough for some eighty processes.
const INPUT_PIPE_BYTES: c_int = 512 * 1024;
const OUTPUT_PIPE_BYTES: c_int = 256 * 1024;

/// A running decoder. Dropping it kills it.
pub(super) struct DecoderProcess {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    last_words: JoinHandle<Vec<u8>>,
    answered: bool,
}

/// How a dead process ended.
pub(super) enum Death {
    /// By the work on a file.
    OfItself(CrashCause),
    /// The kernel counted too much processor time.
    OutOfTime,
    /// By a signal from outside, or before it could work.
    FromOutside(String),
}

impl DecoderProcess {
    pub(super) fn start(config: &DecoderConfig) -> Result<Self, DecodeError> {
        let mut child = Command::new(&config.program)
            .arg(config.memory_limit_bytes.to_string())
            .env_clear()
            .envs(KEEPS_MEMORY)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // An interrupt from the terminal is for the parent, which lets work in hand come to its end.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                DecodeError::unavailable(format!("{} does not start", config.program.display()), error)
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(DecodeError::unavailable("the decoder has no pipes", None));
        };
        widen(&input, INPUT_PIPE_BYTES);
        widen(&output, OUTPUT_PIPE_BYTES);
        let last_words = tokio::spawn(keep_last(errors));
        Ok(Self { child, input, output, last_words, answered: false })
    }

    /// Whether it has answered before.
    pub(super) fn has_answered(&self) -> bool {
        self.answered
    }

    /// Sends one request and waits for its answer. After an error the process is of no further use.
    pub(super) async fn ask(&mut self, request: &Request, bytes: &[u8]) -> io::Result<(Reply, Vec<u8>)> {
        self.input.write_all(&wire::head(request, bytes.len())?).await?;
        self.input.write_all(bytes).await?;
        self.input.flush().await?;
        let answer_max_bytes = request.operation.answer_max_bytes(&request.limits);
        let answer = wire::read_async(&mut self.output, answer_max_bytes).await?;
        self.answered = true;
        Ok(answer)
    }

    /// Finds out why it no longer answers. Kills it if it still runs.
    pub(super) async fn diagnose(mut self) -> Death {
        const DYING_TAKES_AT_MOST: Duration = Duration::from_secs(5);
        drop((self.input, self.output));
        let status = match timeout(DYING_TAKES_AT_MOST, self.child.wait()).await {
            Ok(Ok(status)) => status,
            _ => return Death::FromOutside("it no longer answers".into()),
        };
        let last_words = timeout(DYING_TAKES_AT_MOST, self.last_words).await;
        let last_words = last_words.ok().and_then(Result::ok).unwrap_or_default();
        death(status, &String::from_utf8_lossy(&last_words))
    }
}

/// Lets a pipe hold more. Where that is not allowed the pipe stays as it is.
fn widen(pipe: impl AsFd, bytes: c_int) {
    let _unchanged_if_refused = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes));
}

/// Drains standard error so that the child never waits, and keeps its end.
async fn keep_last(mut errors: ChildStderr) -> Vec<u8> {
    const KEPT_BYTES: usize = 4096;
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(len @ 1..) = errors.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..len]);
        kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
    }
    kept
}

/// Tells how a process ended by its status and by fixed phrases of Rust's runtime. The text itself is passed on to nobody: it
/// may quote the file.
fn death(status: ExitStatus, last_words: &str) -> Death {
    let signal = status.signal();
    if let Some(code) = status.code() {
        // A file brings it down by a signal; it leaves by itself only when something is wrong with its own set-up.
        return Death::FromOutside(format!("it ended with status {code}"));
    }
    match signal.and_then(|signal| Signal::try_from(signal).ok()) {
        Some(Signal::SIGXCPU) => Death::OutOfTime,
        // The kernel short of memory also kills so: a matter of the machine, not of the file.
        Some(outside @ (Signal::SIGKILL | Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP)) => {
            Death::FromOutside(format!("it was ended by {outside}"))
        }
        _ if last_words.contains("memory allocation of") => Death::OfItself(CrashCause::Memory),
        _ if last_words.contains("overflowed its stack") => Death::OfItself(CrashCause::Stack),
        _ => Death::OfItself(CrashCause::Other(signal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "ends its process: the test below starts it in one of its own"]
    fn overflows_its_stack() {
        fn descend(level: u64) -> u64 {
            let more = std::hint::black_box([level; 64])[0] < u64::MAX;
            if more { 1 + descend(level + 1) } else { 0 }
        }
        assert_eq!(descend(0), u64::MAX);
    }

    /// No file is known to do it.
    #[test]
    fn a_stack_overflow_is_told_apart() {
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        program.args(["--ignored", "--exact", "--nocapture", "decoder::process::tests::overflows_its_stack"]);
        let ended = program.output().unwrap();
        let death = death(ended.status, &String::from_utf8_lossy(&ended.stderr));
        assert!(matches!(death, Death::OfItself(CrashCause::Stack)), "{ended:?}");
    }
}
