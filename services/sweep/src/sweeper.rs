//! One look: fold the log to its end, ask how far the queues are, and see for each candidate that nothing else is under way.
//! Changes nothing; it has to be told what was done about a discrepancy.
//!
//! The order matters. A worker appends what followed before it settles its message. So the queues are asked first and
//! the log is folded to its end after that: what then has no effect had none when it was settled.

use hilum_events::{DecodeError, Fact, completed_filter};
use hilum_log::{
    ConsumerPosition, Fold, FoldHalt, FoldState, Log, PositionedState, Recorded, UnavailableError,
};
use jiff::Timestamp;

use crate::domain::{Action, Discrepancy, Kind, Limits, State, UNREAD, Work, decide, evolve};
use crate::doubts::{Verdict, settle};

/// Facts folded before anything else is looked at.
const BATCH: usize = 512;
/// Candidates looked up in one pass; the rest waits for the next, so that a pass has an end.
const CANDIDATES: usize = 1000;

/// The look was not finished.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The log is away.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// A newer release wrote to the log, or it is another one than was folded: what follows would be judged wrongly.
    #[error(transparent)]
    Halted(#[from] FoldHalt),
}

/// How much a look knows of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It is one of many: what may be in hand is counted from when it was seen to be handed out.
    OfManyLooks,
    /// It is the only one: time counts from when the message was stored.
    OfOneLook,
}

/// The fold of the log and where to read on.
pub struct Sweeper {
    log: Log,
    limits: Limits,
    memory: Memory,
    fold: Fold<State>,
    advisory_seq: u64,
}

impl Sweeper {
    /// Knows nothing yet.
    pub fn new(log: Log, limits: Limits, memory: Memory) -> Self {
        let fold = Fold::new(&log, PositionedState::at(0, State::default()));
        Self { log, limits, memory, fold, advisory_seq: 0 }
    }

    /// How much has not ended.
    pub(crate) fn open_count(&self) -> usize {
        self.fold.state().open_count()
    }

    /// Position of the last fact folded.
    pub(crate) fn last_seq(&self) -> u64 {
        self.fold.last_seq()
    }

    /// Waits for facts and folds them. Cancel safe.
    pub(crate) async fn fold_on(&mut self) -> Result<(), LookError> {
        self.fold.next_batch(BATCH).await?;
        Ok(())
    }

    /// What is wrong at `now`, oldest message first.
    ///
    /// # Errors
    /// When the log is away or a newer release wrote to it.
    pub async fn look(&mut self, now: Timestamp) -> Result<Vec<Discrepancy>, LookError> {
        let positions = self.log.consumer_positions().await?;
        self.read_advisories().await?;
        self.fold_to_end().await?;
        self.fold.state_mut().forget_settled_advisories();
        if self.memory == Memory::OfManyLooks {
            self.fold.state_mut().note_handed_out(&positions, now);
        }
        let mut discrepancies = self.overdue(&positions, now).await?;
        // A retry may have ended between the look at the log and the question for it.
        self.fold_to_end().await?;
        discrepancies.retain(|discrepancy| match discrepancy.work {
            Some(work) => {
                self.fold.state().open(work).is_some_and(|open| Some(open.seq) == discrepancy.position)
            }
            None => true,
        });
        discrepancies.extend(self.doubtful(now).await?);
        discrepancies.sort_by_key(|discrepancy| (discrepancy.position, discrepancy.kind));
        Ok(discrepancies)
    }

    /// Notes that a discrepancy was acted on at `now`.
    pub fn note_done(&mut self, discrepancy: &Discrepancy, now: Timestamp) {
        match (discrepancy.work, discrepancy.action) {
            (Some(work), Action::HandOutAgain) => self.fold.state_mut().note_repair(work, now),
            // No fact records it, for it has no job.
            (Some(work @ Work::Unreadable(_)), Action::Park) => self.fold.state_mut().close(work),
            _ => {}
        }
    }

    async fn read_advisories(&mut self) -> Result<(), LookError> {
        for advisory in self.log.advisories_after(self.advisory_seq).await? {
            self.advisory_seq = self.advisory_seq.max(advisory.seq);
            self.fold.state_mut().note_advisory(advisory);
        }
        Ok(())
    }

    async fn fold_to_end(&mut self) -> Result<(), LookError> {
        let last_seq = self.log.position().await?.last_seq;
        while self.fold.last_seq() < last_seq {
            self.fold_on().await?;
        }
        Ok(())
    }

    async fn overdue(
        &mut self,
        positions: &[ConsumerPosition],
        now: Timestamp,
    ) -> Result<Vec<Discrepancy>, LookError> {
        let mut candidates = decide(self.fold.state(), positions, now, &self.limits);
        if self.memory == Memory::OfManyLooks {
            // What is only named costs no question, and there may be much of it when a service is away.
            let mut asked = 0;
            candidates.retain(|candidate| {
                asked += usize::from(candidate.work.is_some());
                candidate.work.is_none() || asked <= CANDIDATES
            });
        }
        let mut discrepancies = Vec::new();
        for candidate in candidates {
            let discrepancy = match (candidate.work, candidate.position) {
                (Some(work), Some(position)) => self.confirm(work, position, candidate, now).await?,
                _ => Some(candidate),
            };
            discrepancies.extend(discrepancy);
        }
        Ok(discrepancies)
    }

    /// Looks up whether nothing else is known of overdue work.
    async fn confirm(
        &mut self,
        work: Work,
        position: u64,
        candidate: Discrepancy,
        now: Timestamp,
    ) -> Result<Option<Discrepancy>, LookError> {
        if let Some(letter) = self.log.dead_letter(&candidate.consumer, position).await? {
            if let Work::Unreadable(_) = work {
                self.fold.state_mut().close(work);
                return Ok(None);
            }
            let reason = "its dead letter was written and its job was not told".to_owned();
            let (kind, tries) = (Kind::EntryWithoutDeadLetter, letter.tries);
            return Ok(Some(Discrepancy { kind, action: Action::Park, tries, reason, ..candidate }));
        }
        if !self.fold.state().ticket_ended(&candidate.consumer, position)
            && self.log.has_retry(&candidate.consumer, position).await?
        {
            self.fold.state_mut().note_under_way(work, now);
            return Ok(None);
        }
        if let Work::Reading(reading_id) = work
            && self.log.last(&completed_filter(reading_id)).await?.is_some()
        {
            // An earlier attempt was done after all, before the new one was asked for.
            self.fold.state_mut().close(work);
            return Ok(None);
        }
        Ok(Some(candidate))
    }

    /// What turns out to be wrong of what was in doubt. A discrepancy stays in doubt until it is found mended, so that it
    /// is found again if nothing was done.
    async fn doubtful(&mut self, now: Timestamp) -> Result<Vec<Discrepancy>, LookError> {
        let doubts = self.fold.state_mut().take_doubts(match self.memory {
            Memory::OfManyLooks => CANDIDATES,
            Memory::OfOneLook => usize::MAX,
        });
        let mut discrepancies = Vec::new();
        for (index, doubt) in doubts.iter().enumerate() {
            match Box::pin(settle(&self.log, doubt, now)).await {
                Ok(Verdict::Right) => {}
                Ok(Verdict::NotYetKnown) => self.fold.state_mut().doubt_again(doubt.clone()),
                Ok(Verdict::Wrong(discrepancy)) => {
                    self.fold.state_mut().doubt_again(doubt.clone());
                    discrepancies.push(discrepancy);
                }
                Err(error) => {
                    let rest = doubts[index..].iter().cloned();
                    rest.for_each(|doubt| self.fold.state_mut().doubt_again(doubt));
                    return Err(error.into());
                }
            }
        }
        Ok(discrepancies)
    }
}

impl FoldState for State {
    const UNREAD: &'static [&'static str] = &UNREAD;

    fn evolve(&mut self, fact: &Fact<'_>, _: &Recorded) {
        evolve(self, fact);
    }

    fn pass_by(&mut self, message: &Recorded, _: &DecodeError) {
        self.unreadable(message.seq, message.stored_at, &message.subject);
    }
}
