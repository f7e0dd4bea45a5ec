//! What a sender knows: each upload it tried and what it was answered. The oracle of the fault tests; nothing in
//! it comes from the system's own counters.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use hilum_events::{JobId, Sha256Digest, Site, StudyId, Way};
use serde::Serialize;

/// One image that was sent, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// How it was sent.
    pub way: Way,
    /// Where the image came from.
    pub site: Site,
    /// The study that it belongs to.
    pub study_id: StudyId,
    /// Of the bytes that are to be kept.
    pub sha256: Sha256Digest,
    /// How it ended.
    pub answer: Answer,
}

/// What the sender was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// 202.
    Accepted(JobId),
    /// It was told durable, or lies where it is taken in from; which job it is was not told.
    Taken,
    /// Another status: the sender may send it again.
    Refused(u16),
    /// The connection broke before an answer came: it may have been taken or not.
    Unknown,
    /// There was no connection, so nothing was sent.
    Unreachable,
}

/// Attempts in the order of their answers, also as lines of JSON in a file.
pub struct Journal {
    attempts: Mutex<Vec<Attempt>>,
    file: Mutex<File>,
}

impl Journal {
    /// Begins a journal in the file `path`.
    pub fn create(path: &Path) -> Self {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        Self { attempts: Mutex::default(), file: Mutex::new(File::create(path).unwrap()) }
    }

    /// Notes an answer.
    pub fn note(&self, attempt: Attempt) {
        let line = serde_json::to_string(&attempt).unwrap();
        writeln!(self.file.lock().unwrap(), "{line}").unwrap();
        self.attempts.lock().unwrap().push(attempt);
    }

    /// All attempts so far.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    /// How many attempts so far satisfy `condition`.
    pub fn count(&self, condition: fn(&Answer) -> bool) -> usize {
        self.attempts.lock().unwrap().iter().filter(|attempt| condition(&attempt.answer)).count()
    }
}

impl Answer {
    /// Whether the sender need not send it again.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Taken)
    }

    /// Whether the sender was told that the image was not taken, or was told nothing: it may stand in the log
    /// all the same, for the acknowledgement may be what got lost.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unknown)
    }
}
