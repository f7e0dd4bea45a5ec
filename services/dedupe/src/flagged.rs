//! Flagged studies: what of them still waits is asked for before routine readings.
//!
//! The request that is wanted sooner is a further attempt in the place of the routine one. Whoever reads the routine one
//! meanwhile does no harm: a reading is recorded once. Whoever comes to it later finds the further attempt and leaves it.

use hilum_events::{
    Envelope, Event, FlagAction, ImageStored, InferenceRequested, Priority, ReadingId, StudyId, claim_filter,
    failed_filter, study_flags_filter, study_images_filter,
};
use hilum_log::{AppendError, Failure, Recorded};
use jiff::Timestamp;

use crate::domain::sooner;
use crate::shell::{Dedupe, request_in};

impl Dedupe {
    /// Asks for all readings of the study that are still waiting before routine ones.
    pub(crate) async fn raise_study(
        &self,
        cause: &Envelope,
        study_id: StudyId,
    ) -> Result<&'static str, Failure> {
        for recorded in self.log.all_under(&[&study_images_filter(study_id)]).await? {
            if let Some(Event::ImageStored(stored)) = recorded.envelope().map(|envelope| &envelope.event) {
                self.raise(cause, self.reading_of(stored)).await?;
            }
        }
        Ok("raised")
    }

    /// Asks for the reading before routine ones, if it was asked for and is still waiting.
    pub(crate) async fn raise(&self, cause: &Envelope, reading_id: ReadingId) -> Result<(), Failure> {
        // Each turn but the last finds that another attempt was made meanwhile.
        while let Some(found) = self.log.last(&claim_filter(reading_id)).await? {
            let Some(request) = request_in(&found) else { return Ok(()) };
            let Some(next) = sooner(request) else { return Ok(()) };
            if self.has_ended(request, &found).await? {
                return Ok(());
            }
            // The job stays the one that asked first, which may be another site's than what is wanted sooner.
            let Some(site) = found.envelope().map(|envelope| &envelope.site) else { return Ok(()) };
            let fact = cause.next_at(site, Timestamp::now(), Event::InferenceRequested(next));
            match self.log.append_after(&fact, found.seq).await {
                Ok(_) => {
                    metrics::counter!("hilum_dedupe_raised_total").increment(1);
                    return Ok(());
                }
                Err(AppendError::Taken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether a rule wants this study's images read before routine ones; not asked of an image that is anyway.
    pub(crate) async fn is_raised(&self, stored: &ImageStored) -> Result<bool, Failure> {
        let filter = study_flags_filter(stored.study_id);
        if stored.priority == Priority::Stat {
            return Ok(false);
        }
        match self.log.last(&filter).await? {
            None => Ok(false),
            Some(last) if wants_raise(&last) => Ok(true),
            Some(_) => Ok(self.log.all_under(&[&filter]).await?.iter().any(wants_raise)),
        }
    }

    async fn has_ended(&self, request: &InferenceRequested, found: &Recorded) -> Result<bool, Failure> {
        let failed = failed_filter(request.reading_id, request.attempt);
        Ok(self.is_read(request.reading_id).await?
            || self.log.last(&failed).await?.is_some()
            || self.was_given_up(request, found.seq).await?)
    }
}

fn wants_raise(recorded: &Recorded) -> bool {
    let event = recorded.envelope().map(|envelope| &envelope.event);
    matches!(event, Some(Event::StudyFlagged(flag)) if flag.actions.contains(&FlagAction::RaisePriority))
}
