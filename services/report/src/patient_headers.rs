//! Whether the headers of a study's DICOM images can be of one patient, and which files hold one object. What they say is read by
//! the decoder's child processes, from files in storage, and nowhere kept: of each content that was read before only salted hashes
//! of what its header says, and a hash of its data set, are in memory. Knows no report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    known: Mutex<HashMap<Sha256Digest, Option<Arc<Header>>>>,
}

/// What is remembered of a header.
struct Header {
    patient: Patient,
    /// Of the object, whatever file it came in.
    data_set: Option<Sha256Digest>,
}

/// What the headers of a study's images say together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// In what they contradict each other.
    pub(crate) differ: BTreeSet<PatientField>,
    /// The hash of the data set in a file, by that of the file, as far as it could be read.
    pub(crate) data_sets: BTreeMap<Sha256Digest, Sha256Digest>,
}

impl Default for PatientHeaders {
    fn default() -> Self {
        // Nobody needs to know it, not even the next start.
        Self { salt: Uuid::new_v4().into_bytes(), known: Mutex::default() }
    }
}

impl PatientHeaders {
    /// Compares the headers of these DICOM images. One alone contradicts nobody and is not read.
    ///
    /// # Errors
    /// When trying again may help.
    pub(crate) async fn compare(
        &self,
        blobs: &BlobStore,
        previewer: &Previewer,
        images: Vec<BlobRef>,
        try_number: u64,
    ) -> Result<Compared, IssueError> {
        if images.len() < 2 {
            return Ok(Compared::default());
        }
        let headers = futures::stream::iter(images).map(|image| async move {
            let file = image.sha256;
            Ok::<_, IssueError>((file, self.header(blobs, previewer, image, try_number).await?))
        });
        let headers: Vec<_> = headers.buffered(AT_ONCE).try_collect().await?;
        let headers = || headers.iter().filter_map(|(file, header)| Some((*file, header.as_deref()?)));
        let patients: Vec<Patient> = headers().map(|(_, header)| header.patient.clone()).collect();
        let data_sets = headers().filter_map(|(file, header)| Some((file, header.data_set?))).collect();
        Ok(Compared { differ: contradictions(&patients), data_sets })
    }

    /// What the header of an image says. A file that is gone or has no header contradicts nobody.
    async fn header(
        &self,
        blobs: &BlobStore,
        previewer: &Previewer,
        image: BlobRef,
        try_number: u64,
    ) -> Result<Option<Arc<Header>>, IssueError> {
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
        let header = match previewer.study_header(&file).await {
            Ok(header) => Some(Arc::new(Header {
                patient: Patient::of(&header, &self.salt),
                data_set: header.data_set_sha256,
            })),
            Err(error) if error.is_permanent() => None,
            Err(DecodeError::TimedOut(_)) if try_number >= TIMED_OUT_TRIES => return Ok(None),
            Err(error) => return Err(IssueError::Header(error)),
        };
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(image.sha256, header.clone());
        Ok(header)
    }

    /// Nothing panics while the lock is held, so what a poisoned one holds is whole.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Sha256Digest, Option<Arc<Header>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
