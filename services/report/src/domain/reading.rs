//! How readings stand, now and at any earlier position of the log. Knows no findings.

use hilum_events::JobId;

/// How the reading of an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was asked for again after it had ended without a result.
    Again,
    /// It was made.
    Completed,
    /// It can't be made.
    Failed,
    /// It was given up.
    GivenUp,
}

/// Where in the log a reading's standing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seq: u64,
    pub(crate) standing: Standing,
}

/// A reading and the jobs that share it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) jobs: Vec<JobId>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Reading {
    /// The outcome as it stood at position `seq`.
    pub(super) fn outcome_at(&self, seq: u64) -> Option<Outcome> {
        let last = self.outcomes.iter().rev().find(|outcome| outcome.seq <= seq).copied();
        last.filter(|outcome| outcome.standing != Standing::Again)
    }

    /// Notes an outcome; `false` if the one before it stays. What was read stays read, and a failure that told
    /// its reason is not replaced by the word that work was given up.
    pub(super) fn end(&mut self, seq: u64, standing: Standing) -> bool {
        let stays = match self.outcomes.last().map(|outcome| outcome.standing) {
            None | Some(Standing::Again) => false,
            Some(Standing::Completed) => true,
            Some(Standing::Failed) => standing == Standing::GivenUp,
            Some(Standing::GivenUp) => standing == Standing::GivenUp,
        };
        if !stays {
            self.outcomes.push(Outcome { seq, standing });
        }
        !stays
    }

    /// Notes a redrive; `false` if there is nothing to do again.
    pub(super) fn begin_again(&mut self, seq: u64) -> bool {
        let ended = matches!(
            self.outcomes.last().map(|outcome| outcome.standing),
            Some(Standing::Failed | Standing::GivenUp)
        );
        if ended {
            self.outcomes.push(Outcome { seq, standing: Standing::Again });
        }
        ended
    }
}
