//! Content that was read before by the same model: its job is linked to that reading here, as dedupe would do it a
//! moment later, and answered at once. A shortcut: what fails or takes long here is left to dedupe, and nothing is
//! refused for it. Knows no upload and no storage.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use hilum_api::JobResult;
use hilum_events::{
    DuplicateLinked, Envelope, Event, InferenceCompleted, InferenceRequested, ReadingId, Sha256Digest,
    claim_filter, completed_filter,
};
use hilum_log::{Log, Recorded, UnavailableError};
use hilum_models::ModelFolder;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

/// What an upload waits for all of this at most.
const PATIENCE: Duration = Duration::from_millis(250);

/// The readings by one model, as they stand in the log. Cheap to clone.
#[derive(Clone)]
pub struct Readings {
    log: Log,
    reading_key: String,
}

/// A reading that stands in the log.
pub(crate) struct Known {
    completed: InferenceCompleted,
    /// The newest request of it. Its job need not be the one that `completed` names: an attempt that was thought dead
    /// may have answered after the next one was asked for.
    winner: InferenceRequested,
    /// What is left of the patience.
    left: Duration,
}

impl Readings {
    /// Those by the model in `folder`. `None` when it can't be used: images are taken in all the same.
    pub fn by_model(log: &Log, folder: &Path) -> Option<Self> {
        match ModelFolder::open(folder) {
            Ok(model) => Some(Self::by_key(log, model.identity().reading_key().as_str())),
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(
                    error,
                    "the model can't be used; content that was read before is not known here"
                );
                None
            }
        }
    }

    /// Those under this key.
    pub fn by_key(log: &Log, reading_key: &str) -> Self {
        Self { log: log.clone(), reading_key: reading_key.to_owned() }
    }

    /// The reading of this content, if there is one and the log says so in time.
    pub(crate) async fn find(&self, content: &Sha256Digest) -> Option<Known> {
        let begun = Instant::now();
        let (completed, winner) = in_time(PATIENCE, self.look_up(content)).await.flatten()?;
        Some(Known { completed, winner, left: PATIENCE.saturating_sub(begun.elapsed()) })
    }

    /// Links the job of `stored`, which must be durable, to the reading. Its result, if the link became durable in time.
    pub(crate) async fn link(&self, stored: &Envelope, known: Known) -> Option<JobResult> {
        let Event::ImageStored(image) = &stored.event else { return None };
        let Known { completed, winner, left } = known;
        let link = DuplicateLinked::between(image, &winner)?;
        let primary = link.primary_job_id;
        let fact = stored.next(Timestamp::now(), Event::DuplicateLinked(link));
        in_time(left, self.log.append(&fact)).await?;
        count("answered");
        Some(JobResult::of(image.job_id, Some(primary), completed))
    }

    async fn look_up(
        &self,
        content: &Sha256Digest,
    ) -> Result<Option<(InferenceCompleted, InferenceRequested)>, UnavailableError> {
        let reading_id = ReadingId::of(content, &self.reading_key);
        let completed = self.log.last(&completed_filter(reading_id)).await?;
        let Some(Event::InferenceCompleted(completed)) = event_in(completed) else { return Ok(None) };
        let winner = self.log.last(&claim_filter(reading_id)).await?;
        let Some(Event::InferenceRequested(winner)) = event_in(winner) else { return Ok(None) };
        Ok(Some((completed, winner)))
    }
}

fn event_in(found: Option<Recorded>) -> Option<Event> {
    Some(found?.content.ok()?.event)
}

/// What comes of `work`; `None` when it fails or is not done within `limit`. Not a line in the log for each upload, for
/// dedupe does the same work and says what is wrong.
async fn in_time<T, E: Error + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    match timeout(limit, work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            let error: &dyn Error = &error;
            tracing::debug!(error, "known content is left to dedupe");
            count("failed");
            None
        }
        Err(_) => {
            count("late");
            None
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("hilum_ingest_known_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
