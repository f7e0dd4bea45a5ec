//! Whether the headers of a study's DICOM images can be of one patient. What they say is read by the decoder's child
//! processes, from files in storage, and nowhere kept: of each content that was read before only salted hashes of what its
//! header says are in memory. Knows no report.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _};
use hilum_blobs::BlobStore;
use hilum_events::{BlobRef, Sha256Digest};
use hilum_imaging::{DecodeError, Patient, PatientField, contradictions};
use uuid::Uuid;

use crate::issue_error::IssueError;
use crate::previews::Previewer;

/// Files of one report in memory at a time.
const AT_ONCE: usize = 2;
/// Contents whose hashes are remembered, some 300 bytes each.
const REMEMBERED: usize = 16_384;
/// A file whose header can't be read in time may only have met a busy machine: so often it is tried.
const TIMED_OUT_TRIES: u64 = 3;

/// What headers said, by the content of their files; `None` for a file whose header says nothing.
pub(crate) struct PatientHeaders {
    salt: [u8; 16],
    known: Mutex<HashMap<Sha256Digest, Option<Arc<Patient>>>>,
}

impl Default for PatientHeaders {
    fn default() -> Self {
        // Nobody needs to know it, not even the next start.
        Self { salt: Uuid::new_v4().into_bytes(), known: Mutex::default() }
    }
}

impl PatientHeaders {
    /// In what the headers of these DICOM images contradict each other. One alone contradicts nobody and is not read.
    ///
    /// # Errors
    /// When trying again may help.
    pub(crate) async fn contradictions(
        &self,
        blobs: &BlobStore,
        previewer: &Previewer,
        images: Vec<BlobRef>,
        try_number: u64,
    ) -> Result<BTreeSet<PatientField>, IssueError> {
        if images.len() < 2 {
            return Ok(BTreeSet::new());
        }
        let patients =
            futures::stream::iter(images).map(|image| self.patient(blobs, previewer, image, try_number));
        let patients: Vec<_> = patients.buffered(AT_ONCE).try_collect().await?;
        let patients: Vec<Patient> =
            patients.into_iter().flatten().map(|patient| (*patient).clone()).collect();
        Ok(contradictions(&patients))
    }

    /// What the header of an image says. A file that is gone or has no header contradicts nobody.
    async fn patient(
        &self,
        blobs: &BlobStore,
        previewer: &Previewer,
        image: BlobRef,
        try_number: u64,
    ) -> Result<Option<Arc<Patient>>, IssueError> {
        if let Some(known) = self.known().get(&image.sha256) {
            return Ok(known.clone());
        }
        let file = match blobs.get(&image).await {
            Ok(file) => file,
            Err(error) if error.is_transient() => return Err(IssueError::Fetch(error)),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an image is not as it was stored");
                return Ok(None);
            }
        };
        let patient = match previewer.study_header(&file).await {
            Ok(header) => Some(Arc::new(Patient::of(&header, &self.salt))),
            Err(error) if error.is_permanent() => None,
            Err(DecodeError::TimedOut(_)) if try_number >= TIMED_OUT_TRIES => return Ok(None),
            Err(error) => return Err(IssueError::Header(error)),
        };
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(image.sha256, patient.clone());
        Ok(patient)
    }

    /// Nothing panics while the lock is held, so what a poisoned one holds is whole.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Sha256Digest, Option<Arc<Patient>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
