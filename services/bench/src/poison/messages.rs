//! The poisoned messages: made up, put into the log, and asked whether they are still tried again.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_events::{
    BlobRef, Envelope, Event, InferenceRequested, JobId, MediaType, ModelIdentity, Priority, ReadingId,
    Sha256Digest, Site, StoredImage, StudyId,
};
use hilum_models::ModelFolder;
use hilum_terminal::Output;
use jiff::Timestamp;

use super::super::load::SITE;
use super::super::temporary::Temporary;
use super::CONSUMER;
use crate::error::Error;

/// Appends on their way at a time.
const APPENDS_AT_ONCE: usize = 64;
/// Messages that are asked whether a retry is to come.
const ASKED: usize = 100;

/// Messages that fail.
pub(super) struct Poison {
    /// How many there shall be.
    pub(super) wanted: u32,
    /// How long it took to write them.
    pub(super) append_took: Duration,
    /// Their positions in the log, ascending.
    positions: Vec<u64>,
}

impl Poison {
    /// Nothing that fails.
    pub(super) fn none() -> Self {
        Self { wanted: 0, append_took: Duration::ZERO, positions: Vec::new() }
    }

    /// Puts all into the log, as they would come from the dedupe service.
    pub(super) async fn append(&mut self, stack: &Temporary, output: Output) -> Result<(), Error> {
        let bar = output.progress(self.wanted as usize, "poisoning");
        let began = Instant::now();
        let unmeasured = |error: &dyn std::error::Error| Error::Unmeasured(error.to_string());
        let model = ModelFolder::open(&stack.state.model).map_err(|error| unmeasured(&error))?.identity();
        let model = &ModelIdentity::try_from(&model).map_err(|error| unmeasured(&error))?;
        let appends = (0..self.wanted).map(|number| async move {
            let request = request(number, model).map_err(|error| Error::Unmeasured(error.to_string()))?;
            let appended = stack.log.append(&request).await.map_err(stack.unavailable())?;
            Ok::<_, Error>(appended.seq())
        });
        let counted = stream::iter(appends).buffer_unordered(APPENDS_AT_ONCE).inspect(|_| bar.inc(1));
        self.positions = counted.try_collect().await?;
        self.positions.sort_unstable();
        self.append_took = began.elapsed();
        bar.finish_and_clear();
        Ok(())
    }

    /// Position of the last one; 0 of none.
    pub(super) fn last_seq(&self) -> u64 {
        self.positions.last().copied().unwrap_or(0)
    }

    /// Which share of them will be tried again: 1 when all cycle, 0 when all are parked. Asks some, evenly spread.
    pub(super) async fn cycling_share(&self, stack: &Temporary) -> Result<f64, Error> {
        let step = self.positions.len().div_ceil(ASKED).max(1);
        let (mut asked, mut cycling) = (0, 0);
        for seq in self.positions.iter().step_by(step) {
            let has_retry = stack.log.has_retry(CONSUMER, *seq).await.map_err(stack.unavailable())?;
            asked += 1;
            cycling += u32::from(has_retry);
        }
        Ok(f64::from(cycling) / f64::from(asked.max(1)))
    }
}

/// A request for a reading of an image whose name no file system takes, which may be for now as far as a worker knows. It
/// says that it is a second attempt, as after a redrive:
/// of a first one the sweep would look for the upload, which never was.
fn request(number: u32, model: &ModelIdentity) -> Result<Envelope, hilum_events::NameError> {
    let site: Site = SITE.parse()?;
    let sha256 = Sha256Digest::of(format!("poisoned {number}").as_bytes());
    let reading_id = ReadingId::of(&sha256, "poisoned@1");
    let event = Event::InferenceRequested(InferenceRequested {
        reading_id,
        job_id: JobId::from_uuid(reading_id.as_uuid()),
        study_id: StudyId::named(&site, "poisoned"),
        image: StoredImage {
            blob: BlobRef { key: format!("sha256/{}", sha256.to_string().repeat(8)), sha256, size_bytes: 1 },
            media_type: MediaType::Png,
            dicom: None,
        },
        model: model.clone(),
        priority: Priority::Routine,
        attempt: 2,
        retried_for: None,
    });
    Ok(Envelope::first(reading_id.as_uuid(), site, Timestamp::now(), event))
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;
    use hilum_log::consumer_of;

    use super::*;

    #[test]
    fn each_poisoned_message_has_a_place_of_its_own_in_the_queue_of_routine_readings() {
        let subjects: std::collections::HashSet<_> =
            (0..100).map(|number| request(number, &samples::model()).unwrap().subject()).collect();
        assert_eq!(subjects.len(), 100);
        assert!(subjects.iter().all(|subject| consumer_of(subject) == Some("infer-routine")));
    }
}
