//! What must hold after any fault: pure functions over what the sender's journal says and what was found in the
//! log, in storage, in the tables and in the answers. They know no server.

mod accepted;
mod causes;
mod ends;
mod home;
mod kept;
mod once;
#[cfg(test)]
mod sample;
mod stories;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hilum_events::{Envelope, JobId, Sha256Digest, Site, StudyId};

use crate::journal::Attempt;

pub use accepted::not_there_yet;
pub use ends::unfinished;
pub use kept::{drain_limit, drained, rebuilt_equal, still_there};
pub use told::untold;

/// A fact as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its position.
    pub seq: u64,
    /// Where it stands.
    pub subject: String,
    /// The fact.
    pub envelope: Envelope,
}

/// What the query API says of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAnswer {
    /// QUEUED, IN_PROGRESS, COMPLETED or FAILED.
    pub status: String,
    /// Why it failed.
    pub reason: String,
}

/// An entry of a dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterSeen {
    /// The consumer that gave up.
    pub consumer: String,
    /// The message that it gave up on.
    pub stream_seq: u64,
    /// Whether it says what was tried and why that failed.
    pub has_story: bool,
}

/// Rows of the tables, by what makes each the only one of its fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Positions in the table of all events.
    pub history: Vec<u64>,
    /// Uploads.
    pub jobs: Vec<JobId>,
    /// Reports.
    pub reports: Vec<(StudyId, u32)>,
    /// Positions of dead letters.
    pub dead_letters: Vec<u64>,
}

/// What was found after a fault was healed.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The sender's journal.
    pub attempts: Vec<Attempt>,
    /// The log, in order.
    pub facts: Vec<Fact>,
    /// What lies in storage under each key that a fact names: the hash of its bytes.
    pub objects: BTreeMap<String, Sha256Digest>,
    /// Contents that the test itself damaged in storage.
    pub damaged: BTreeSet<Sha256Digest>,
    /// What is said of each job.
    pub answers: BTreeMap<JobId, JobAnswer>,
    /// Entries of all dead-letter streams.
    pub dead_letters: Vec<DeadLetterSeen>,
    /// The tables.
    pub rows: Rows,
    /// What the target of all reports was given, if there is one.
    pub desk: Option<DeskSeen>,
}

/// What a target was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeskSeen {
    /// How often, of each study and matter.
    pub told: BTreeMap<(StudyId, String), usize>,
    /// So often more than once may each of it have come: a sender that is killed can't know what it sent.
    pub repeats: usize,
    /// Whose studies its rule may flag.
    pub ruled: BTreeSet<Site>,
}

/// What a broken promise means to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Something that was accepted or told is gone.
    Lost,
    /// Something was done or told twice.
    Doubled,
    /// Something will never be told.
    Silent,
    /// Something is not as it is told.
    Wrong,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Such as `I1`.
    pub invariant: &'static str,
    /// What it means.
    pub harm: Harm,
    /// What was found.
    pub what: String,
}

impl Violation {
    /// A violation of `invariant`.
    pub fn new(invariant: &'static str, harm: Harm, what: impl Into<String>) -> Self {
        Self { invariant, harm, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.invariant, self.harm, self.what)
    }
}

/// All that `evidence` alone can show: I1 to I4 and I9 to I11.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    [
        accepted::every_202_is_kept,
        accepted::all_that_was_taken_is_kept,
        accepted::nothing_is_there_in_part,
        ends::every_job_ends_once,
        ends::dead_letters_have_their_story,
        ends::every_study_is_reported,
        once::no_fact_stands_twice,
        once::effects_happen_once,
        once::one_row_per_fact,
        causes::every_cause_is_there,
        causes::attempts_are_contiguous,
        told::each_matter_reaches_its_target,
        home::facts_are_at_home,
    ]
    .into_iter()
    .flat_map(|check| check(evidence))
    .collect()
}
