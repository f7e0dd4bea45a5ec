//! What can go wrong in a command: one sentence each, with what to do. Knows nothing of how it is shown.

use std::io;
use std::panic::PanicHookInfo;
use std::path::PathBuf;

use hilum_api::Problem;
use hilum_servers::ServerError;

/// A command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder.
    #[error("cannot {operation} {path}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    /// A file is not what it should be.
    #[error("{path} is not understood: {reason}")]
    Content { path: PathBuf, reason: String },
    /// A second `up` on one folder.
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
    /// The base URL's port.
    #[error("cannot serve on port {port}; give another --port")]
    Port { port: u16, source: io::Error },
    /// A port of any kind.
    #[error("this machine has no free port")]
    NoPort(#[source] io::Error),
    /// A program of ours.
    #[error("the program {program} is missing; `make build` makes all of them in one folder")]
    MissingProgram { program: PathBuf },
    /// The rules of the sites.
    #[error(transparent)]
    Sites(#[from] hilum_sites::SitesError),
    /// A server or service.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A server of an earlier run.
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
    /// The background process ended.
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
    /// A signal could not be listened to or sent.
    #[error("cannot {operation}")]
    System { operation: &'static str, source: io::Error },
    /// JetStream.
    #[error("cannot use NATS at {url}; is it running?")]
    Nats { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The server has no event log, and there was one.
    #[error(
        "the event log is missing: its seal tells of {facts} facts. Applying the definitions would make an empty log; restore \
         the stream EVENTS, or the folder of nats-server, from a copy"
    )]
    LogMissing { facts: u64 },
    /// No answer from the API.
    #[error("cannot reach {url}; is the stack running? `hilum doctor` tells")]
    Unreachable { url: String, source: reqwest::Error },
    /// The API answered with a problem.
    #[error("{} ({})", problem.detail, problem.status)]
    Refused { problem: Box<Problem> },
    /// The API answered something else.
    #[error("the answer of {url} is not understood; is it a Hilum of the same version?")]
    Answer { url: String, source: reqwest::Error },
    /// A base URL.
    #[error("{url} is not an http or https address")]
    Url { url: String },
    /// Something to submit.
    #[error("there is no image file in {paths}")]
    NoFiles { paths: String },
    /// A report did not come.
    #[error(
        "the report of study {study} is not there after {limit_s} s; try again, or see `hilum study {study}`"
    )]
    NoReport { study: String, limit_s: u64 },
    /// A benchmark came to no result.
    #[error("nothing was measured: {0}")]
    Unmeasured(String),
    /// A choice the command can't make alone.
    #[error("{0}")]
    Usage(String),
}

/// Something that was not foreseen: a panic. Told as any other error, without words for who develops it.
#[derive(Debug, thiserror::Error)]
#[error("hilum came upon a fault of its own in {place} ({what}); please report it")]
pub(crate) struct Fault {
    place: String,
    what: String,
}

impl Fault {
    /// What a panic says of itself.
    pub(crate) fn of(panic: &PanicHookInfo<'_>) -> Self {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        Self { place, what: panic.payload_as_str().unwrap_or("without a message").to_owned() }
    }
}

impl Error {
    /// For `map_err`: what was done to which file.
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
