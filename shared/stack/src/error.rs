//! What can go wrong with a stack: one sentence each, with what to do.

use std::io;
use std::path::PathBuf;

use hilum_servers::ServerError;

/// A stack could not be started, found or stopped.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the sentences name")]
pub enum Error {
    /// A file or folder can't be used.
    #[error("cannot {operation} {path}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    /// A file is not what it should be.
    #[error("{path} is not understood: {reason}")]
    Content { path: PathBuf, reason: String },
    /// A second start in one folder.
    #[error(
        "a stack already runs in {folder} (process {pid}, {base_url}); use it, or stop it with \
         `hilum down --state {folder}`"
    )]
    AlreadyRuns { folder: PathBuf, pid: u32, base_url: String },
    /// Another `hilum` holds the folder and has not said yet what it runs.
    #[error("another hilum is just starting or stopping a stack in {folder}; try again in a few seconds")]
    Busy { folder: PathBuf },
    /// Nothing runs.
    #[error("no stack runs in {folder}; start one with `hilum up --state {folder}`, or name one with --url")]
    NotRunning { folder: PathBuf },
    /// The base URL's port is taken or not allowed.
    #[error("cannot serve on port {port}; give another --port")]
    Port { port: u16, source: io::Error },
    /// No port of any kind is left.
    #[error("this machine has no free port")]
    NoPort(#[source] io::Error),
    /// A program of ours does not lie beside this one.
    #[error("the program {program} is missing; `make build` makes all of them in one folder")]
    MissingProgram { program: PathBuf },
    /// A server or service can't be run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A server of an earlier run hangs.
    #[error(
        "process {pid} ({name}) of an earlier run in this folder does not stop and does nothing; end it with \
         `kill -9 {pid}`"
    )]
    Leftover { name: String, pid: u32 },
    /// A part that the door needs ended before the door was open.
    #[error("{name} ended {times} times while starting ({what}); the end of its log {log}:\n{tail}")]
    PartFails { name: String, times: u32, what: String, log: PathBuf, tail: String },
    /// The background process ended and said why.
    #[error("{what}\nthe whole story is in {log}")]
    NotUp { what: String, log: PathBuf },
    /// The background process ended without a word.
    #[error("the stack did not come up; the end of {log}:\n{tail}")]
    Detached { log: PathBuf, tail: String },
    /// The model folder could not be made.
    #[error("the demo model could not be written ({what}); see {log}")]
    Model { what: String, log: PathBuf },
    /// The stack does not stop.
    #[error(
        "process {pid} does not stop, and nothing of the stack has worked for {limit_s} s; see its log, or end it with \
         `kill -9 {pid}`"
    )]
    StillStopping { pid: u32, limit_s: u64 },
    /// The lock is held by a process that the state file does not name.
    #[error(
        "the stack in {folder} is run by a process that {folder}/stack.json does not name; end it by hand"
    )]
    UnknownHolder { folder: PathBuf },
    /// A signal could not be listened to or sent, or a process not started.
    #[error("cannot {operation}")]
    System { operation: &'static str, source: io::Error },
    /// The server of the log does not do what was asked.
    #[error("cannot use NATS at {url}; is it running?")]
    Nats { url: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    /// For `map_err`: what was done to which file.
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
