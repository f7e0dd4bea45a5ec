//! Evaluates the triage rules for each study that has or gets a reading. Keeps no state: the log holds readings and the links to
//! them, so whichever of the two comes last finds the other.

use hilum_events::{
    Envelope, Event, InferenceCompleted, ReadingId, all_completed_filter, all_links_filter, claim_filter,
    completed_filter, links_filter,
};
use hilum_log::{AppendError, Failure, Handle, Log, Recorded, WorkItem};
use jiff::Timestamp;

use crate::domain::{ReadImage, flags};
use crate::targets::Rule;

/// The handler of readings and of links to them.
pub struct Triage {
    log: Log,
    rules: Vec<Rule>,
}

/// An event that the triage consumer should not hand out.
#[derive(Debug, thiserror::Error)]
#[error("the triage consumer handed out {event}; end the service that made it and start this one again")]
struct UnexpectedEventError {
    event: &'static str,
}

impl Triage {
    /// A handler that flags studies by these rules.
    pub fn new(log: Log, rules: Vec<Rule>) -> Self {
        Self { log, rules }
    }

    /// The subjects of events that lead to flags.
    pub fn filters() -> Vec<String> {
        vec![all_completed_filter(), all_links_filter()]
    }
}

impl Handle for Triage {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        match &cause.event {
            Event::InferenceCompleted(reading) => self.completed(cause, reading).await,
            Event::DuplicateLinked(link) => {
                let Some(found) = self.log.last(&completed_filter(link.reading_id)).await? else {
                    // It is flagged when the reading is made.
                    return Ok(());
                };
                let Some(Event::InferenceCompleted(reading)) = event_of(&found) else { return Ok(()) };
                let image = ReadImage { study_id: link.study_id, job_id: link.job_id };
                self.flag(cause, image, cause, reading).await
            }
            other => Err(Failure::Park(UnexpectedEventError { event: other.name() }.into())),
        }
    }
}

impl Triage {
    /// Flags the studies of all jobs that asked for the reading or share it.
    async fn completed(&self, cause: &Envelope, reading: &InferenceCompleted) -> Result<(), Failure> {
        for recorded in self.images_of(reading.reading_id).await? {
            let Some(fact) = recorded.envelope() else { continue };
            let (study_id, job_id) = match &fact.event {
                Event::InferenceRequested(e) => (e.study_id, e.job_id),
                Event::DuplicateLinked(e) => (e.study_id, e.job_id),
                _ => continue,
            };
            self.flag(cause, ReadImage { study_id, job_id }, fact, reading).await?;
        }
        Ok(())
    }

    async fn images_of(&self, reading_id: ReadingId) -> Result<Vec<Recorded>, Failure> {
        let (claims, links) = (claim_filter(reading_id), links_filter(reading_id));
        Ok(self.log.all_under(&[&claims, &links]).await?)
    }

    /// Flags the study of `image`, which the fact `linked` names, by each rule that matches. The first flag of a rule stands.
    async fn flag(
        &self,
        cause: &Envelope,
        image: ReadImage,
        linked: &Envelope,
        reading: &InferenceCompleted,
    ) -> Result<(), Failure> {
        for flag in flags(&self.rules, &linked.site, image, reading) {
            let rule = flag.rule.clone();
            // At the study's site, which may not be that of the reading.
            let fact = cause.next_at(&linked.site, Timestamp::now(), Event::StudyFlagged(flag));
            match self.log.append(&fact).await {
                Ok(_) => {
                    tracing::info!(study_id = %image.study_id, %rule, "a study was flagged");
                    metrics::counter!("hilum_studies_flagged_total", "rule" => rule.to_string()).increment(1);
                }
                Err(AppendError::Taken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn event_of(recorded: &Recorded) -> Option<&Event> {
    recorded.envelope().map(|envelope| &envelope.event)
}
