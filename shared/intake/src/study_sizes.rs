//! How many images studies have, as far as this door knows: asked of the log for the first image of a study that comes
//! here, and counted after that. Images that come through other doors at the same time, or side by side, may exceed the
//! bound by some: the report service has the last word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hilum_events::{StudyId, study_images_filter};
use hilum_log::{Log, UnavailableError};

use crate::refusal::Refusal;

/// Studies that are remembered; of more the log is asked again.
const REMEMBERED: usize = 10_000;

/// The sizes of studies. Cheap to clone.
#[derive(Clone)]
pub struct StudySizes {
    /// The most images of one.
    pub most: u32,
    known: Arc<Mutex<HashMap<StudyId, u64>>>,
}

impl StudySizes {
    /// Studies have so many images at most.
    pub fn bounded(most: u32) -> Self {
        Self { most, known: Arc::default() }
    }

    /// Refuses an image of a study that has as many as it may.
    pub(crate) async fn admit(&self, log: &Log, study_id: StudyId) -> Result<(), Refusal> {
        let known = self.known().get(&study_id).copied();
        let images = match known {
            Some(images) => images,
            None => self.ask(log, study_id).await?,
        };
        if images < u64::from(self.most) { Ok(()) } else { Err(Refusal::StudyFull { most: self.most }) }
    }

    /// Counts an image that stands in the log.
    pub(crate) fn count(&self, study_id: StudyId) {
        if let Some(images) = self.known().get_mut(&study_id) {
            *images += 1;
        }
    }

    async fn ask(&self, log: &Log, study_id: StudyId) -> Result<u64, UnavailableError> {
        let images = log.count(&study_images_filter(study_id)).await?;
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(study_id, images);
        Ok(images)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<StudyId, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
