//! Takes stored images, claims their content in the log, links those that come later; begins anew what was given
//! up or failed and an operator wants redriven; has flagged studies read sooner.
//!
//! The claim is the request itself: it may stand in the log once per reading, so the server decides who was
//! first, among any number of copies of this service and without a lock.

use hilum_events::{
    DeadLetterResolved, DuplicateLinked, Envelope, Event, FlagAction, ImageStored, InferenceRequested,
    Priority, ReaderIdentity, ReadingId, Resolution, Site, StudyFlagged, completed_filter,
    dead_letter_filter, failed_filter,
};
use hilum_log::{AppendError, Failure, Handle, Log, Recorded, WorkItem};
use jiff::Timestamp;

use crate::domain::{Model, again, anew, claim};

/// Said of an image whose reading was asked for.
const REQUESTED: &str = "requested";

/// The handler of stored images.
pub struct Dedupe {
    pub(crate) log: Log,
    model: Model,
}

/// A message that this service was not meant to get.
#[derive(Debug, thiserror::Error)]
#[error("the dedupe consumer handed out {event}; apply the definitions of streams/")]
struct UnexpectedEventError {
    event: &'static str,
}

/// A dead letter that names nothing that can be begun anew.
#[derive(Debug, thiserror::Error)]
#[error("position {seq} of the event log holds no work that could be redriven")]
struct NothingToRedriveError {
    seq: u64,
}

/// An image and whose it is.
#[derive(Clone, Copy)]
struct Upload<'a> {
    site: &'a Site,
    stored: &'a ImageStored,
}

impl Dedupe {
    /// Asks for readings by this reader, whose model `reading_key` names.
    pub fn new(log: Log, reader: ReaderIdentity, reading_key: String) -> Self {
        Self { log, model: Model { reader, reading_key } }
    }
}

impl Handle for Dedupe {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        let decision = match &cause.event {
            Event::ImageStored(stored) => self.claim(cause, Upload { site: &cause.site, stored }).await?,
            Event::DeadLetterResolved(DeadLetterResolved { resolution: Resolution::Discard, .. }) => {
                return Ok(());
            }
            Event::DeadLetterResolved(resolved) => self.redrive(cause, resolved.stream_seq).await?,
            Event::StudyFlagged(flag) => self.flagged(cause, flag).await?,
            other => return Err(Failure::Park(UnexpectedEventError { event: other.name() }.into())),
        };
        metrics::counter!("hilum_dedupe_total", "decision" => decision).increment(1);
        Ok(())
    }
}

impl Dedupe {
    async fn flagged(&self, cause: &Envelope, flag: &StudyFlagged) -> Result<&'static str, Failure> {
        if flag.actions.contains(&FlagAction::RaisePriority) {
            return self.raise_study(cause, flag.study_id).await;
        }
        Ok("flagged")
    }

    /// The reading of an image by the model that is asked.
    pub(crate) fn reading_of(&self, stored: &ImageStored) -> ReadingId {
        claim(stored, &self.model).reading_id
    }

    /// Claims the content of an image, or links its job to the one that did; at once if its study is flagged so.
    async fn claim(&self, cause: &Envelope, upload: Upload<'_>) -> Result<&'static str, Failure> {
        let Upload { site, stored } = upload;
        if self.is_raised(stored).await? {
            let wanted = ImageStored { priority: Priority::Stat, ..stored.clone() };
            let decision = self.claim_at(cause, Upload { site, stored: &wanted }).await?;
            // Somebody else may have claimed it as routine.
            self.raise(cause, self.reading_of(stored)).await?;
            return Ok(decision);
        }
        let decision = self.claim_at(cause, upload).await?;
        // The flag may have come since: its handler looked for the claim and found none.
        if decision == REQUESTED && self.is_raised(stored).await? {
            self.raise(cause, self.reading_of(stored)).await?;
        }
        Ok(decision)
    }

    /// Claims the content with the priority that the image says, or links its job to the one that did.
    async fn claim_at(&self, cause: &Envelope, upload: Upload<'_>) -> Result<&'static str, Failure> {
        let Upload { site, stored } = upload;
        let fact = |event| cause.next_at(site, Timestamp::now(), event);
        let event = Event::InferenceRequested(claim(stored, &self.model));
        let taken = match self.log.append(&fact(event)).await {
            Ok(_) => return Ok(REQUESTED),
            Err(AppendError::Taken(recorded)) => recorded,
            Err(error) => return Err(error.into()),
        };
        let Some(winner) = request_in(&taken) else { return Err(AppendError::Taken(taken).into()) };
        if let Some(next) = self.next_attempt(winner, taken.seq, stored).await? {
            // The claim is free again, and the first job makes the next attempt for all.
            match self.log.append_after(&fact(Event::InferenceRequested(next)), taken.seq).await {
                Ok(_) => return Ok(REQUESTED),
                Err(AppendError::Taken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // None if the job itself had claimed it, in an earlier delivery.
        let Some(linked) = DuplicateLinked::between(stored, winner) else { return Ok("linked") };
        match self.log.append(&fact(Event::DuplicateLinked(linked))).await {
            // The door may have written it; a redrive of an image that was linked before leads to what stands there.
            Ok(_) | Err(AppendError::Taken(_)) => Ok("linked"),
            Err(error) => Err(error.into()),
        }
    }

    /// The attempt for the job of `stored` to make at a reading whose newest request, `last`, stands at `seq`: of one that
    /// was given up, or that failed and may not fail today. `None` while it is under way or when it ended for good.
    async fn next_attempt(
        &self,
        last: &InferenceRequested,
        seq: u64,
        stored: &ImageStored,
    ) -> Result<Option<InferenceRequested>, Failure> {
        if self.was_given_up(last, seq).await? {
            return Ok(Some(again(last, Some(stored))));
        }
        let found = self.log.last(&failed_filter(last.reading_id, last.attempt)).await?;
        let next = match found.as_ref().and_then(Recorded::envelope).map(|envelope| &envelope.event) {
            Some(Event::InferenceFailed(failed)) => anew(last, failed, stored, &self.model),
            _ => None,
        };
        // A worker of an earlier attempt may have read it after all.
        if next.is_some() && self.is_read(last.reading_id).await? {
            return Ok(None);
        }
        Ok(next)
    }

    pub(crate) async fn is_read(&self, reading_id: ReadingId) -> Result<bool, Failure> {
        Ok(self.log.last(&completed_filter(reading_id)).await?.is_some())
    }

    /// Begins the work anew that was given up on, or failed by, the message at `seq`.
    async fn redrive(&self, cause: &Envelope, mut seq: u64) -> Result<&'static str, Failure> {
        loop {
            let failed = self.log.at(seq).await?;
            let work = failed.as_ref().and_then(Recorded::envelope);
            let site = work.map_or(&cause.site, |work| &work.site);
            match work.map(|work| &work.event) {
                Some(Event::ImageStored(stored)) => return self.claim(cause, Upload { site, stored }).await,
                Some(Event::InferenceRequested(request)) => {
                    return self.ask_again(cause, site, request, seq).await;
                }
                // A redrive that was given up itself: the work is the one that it was to begin.
                Some(Event::DeadLetterResolved(resolved)) => seq = resolved.stream_seq,
                _ => return Err(Failure::Park(NothingToRedriveError { seq }.into())),
            }
        }
    }

    /// Asks for the next attempt at a reading, unless one was asked for or it was made meanwhile.
    async fn ask_again(
        &self,
        cause: &Envelope,
        site: &Site,
        request: &InferenceRequested,
        seq: u64,
    ) -> Result<&'static str, Failure> {
        if self.is_read(request.reading_id).await? {
            return Ok("already read");
        }
        let event = Event::InferenceRequested(again(request, None));
        let taken = match self.log.append_after(&cause.next_at(site, Timestamp::now(), event), seq).await {
            Ok(_) => return Ok("requested again"),
            Err(AppendError::Taken(taken)) => taken,
            Err(error) => return Err(error.into()),
        };
        match request_in(&taken) {
            // Somebody made a later attempt since, and that was given up too: it is that one which is begun anew.
            Some(newest) if taken.seq > seq && self.was_given_up(newest, taken.seq).await? => {
                let site = taken.envelope().map_or(site, |envelope| &envelope.site);
                Box::pin(self.ask_again(cause, site, newest, taken.seq)).await
            }
            _ => Ok("already requested again"),
        }
    }

    pub(crate) async fn was_given_up(&self, request: &InferenceRequested, seq: u64) -> Result<bool, Failure> {
        if self.log.last(&dead_letter_filter(request.job_id, seq)).await?.is_none() {
            return Ok(false);
        }
        // A worker that was thought dead may have answered after all.
        Ok(!self.is_read(request.reading_id).await?)
    }
}

pub(crate) fn request_in(recorded: &Recorded) -> Option<&InferenceRequested> {
    match &recorded.envelope()?.event {
        Event::InferenceRequested(request) => Some(request),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
