//! The decisions of the service without its shell, for programs that run them on a log of their own, such as the simulation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hilum_events::{BlobRef, Envelope, StudyId};
use hilum_log::{FoldHalt, PositionedState, Recorded};
use hilum_reports::Report;
use hilum_sites::Sites;
use jiff::Timestamp;

use crate::compose::{self, ComposeError, Previews, StoredFact, Story, compose};
use crate::domain::{Brief, Rules, State, decide};
use crate::issue::{Objects, report_issued};
use crate::patient_headers::Compared;

/// All studies as they follow from the log, and when their sites want them reported.
#[derive(Debug, Clone)]
pub struct Studies {
    folded: PositionedState<State>,
    rules: Rules,
}

/// A report that is to be made.
#[derive(Debug, Clone)]
pub struct DueReport(Brief);

impl Studies {
    /// Knows of none yet. `quiet` is for sites that do not say.
    pub fn new(quiet: Duration, sites: Sites) -> Self {
        Self { folded: PositionedState::default(), rules: Rules::new(quiet, sites) }
    }

    /// Takes in the next fact.
    ///
    /// # Errors
    /// When a later release wrote it and it can't be passed by.
    pub fn fold(&mut self, recorded: &Recorded) -> Result<(), FoldHalt> {
        self.folded.take(recorded)
    }

    /// The reports that are due at `now`, those that wait longest first.
    pub fn due(&self, now: Timestamp) -> Vec<DueReport> {
        let due = decide(&self.folded.state, now, &self.rules);
        due.iter().filter_map(|due| self.folded.state.brief(due, &self.rules)).map(DueReport).collect()
    }

    /// When the next report is due, if nothing comes.
    pub fn next_due_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.folded.state.next_due_at(now, &self.rules)
    }

    /// Studies with something that their last report does not cover.
    pub fn open_studies(&self) -> usize {
        self.folded.state.open_studies()
    }
}

impl DueReport {
    /// The study to report.
    pub fn study_id(&self) -> StudyId {
        self.0.study_id
    }

    /// Positions of the facts that it is made of.
    pub fn needed(&self) -> BTreeSet<u64> {
        compose::needed(&self.0)
    }

    /// Makes the report of these facts, and the fact that records it; `store` keeps the document.
    ///
    /// # Errors
    /// When the facts do not fit together.
    pub fn make(
        &self,
        facts: impl IntoIterator<Item = Recorded>,
        store: impl FnOnce(&Report) -> BlobRef,
    ) -> Result<(Report, Envelope), ComposeError> {
        let stored = |Recorded { seq, stored_at, content, .. }: Recorded| {
            Some((seq, Arc::new(StoredFact { seq, stored_at, envelope: content.ok()? })))
        };
        let story: Story = facts.into_iter().filter_map(stored).collect();
        let report = compose(&self.0, &story, &Previews::new(), &Compared::default(), None)?;
        let objects = Objects { json: store(&report), previews: Vec::new() };
        let cause = compose::fact(&story, self.0.cause_seq)?;
        let told = report_issued(&cause.envelope, &self.0, &report, objects);
        Ok((report, told))
    }
}
