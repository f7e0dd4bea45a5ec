//! How far the looks at the storage are and what they lost: a small object in the storage itself, so that a look goes on
//! after a restart. It holds nothing that can't be found again. Two copies of the sweep may write it: each reads it anew
//! before it notes something.

use hilum_blobs::{BlobStore, GetError, PutError};
use hilum_log::StreamPosition;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::loss::{Loss, Part};

/// Its name.
const NAME: &str = "sweep-storage.json";

/// How far the looks are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The log whose positions these are.
    pub(crate) epoch: String,
    /// The look that reads each object.
    #[serde(default)]
    pub(crate) hashed: Hashed,
    /// The look that compares names.
    #[serde(default)]
    pub(crate) compared: Compared,
    /// What can't be had.
    #[serde(default)]
    pub(crate) lost: Vec<Loss>,
    /// When it was last seen whether that can be had again.
    pub(crate) looked_again_at: Option<Timestamp>,
}

/// How far the look along the log is that reads each object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hashed {
    /// When it began at the log's first position.
    pub(crate) began_at: Option<Timestamp>,
    /// All objects that are named up to here were read since.
    pub(crate) position: u64,
    /// How many those are.
    pub(crate) objects: u64,
    /// How many there were in the round before.
    #[serde(default)]
    pub(crate) objects_before: u64,
}

/// How far the look is that compares the list of objects with what the log names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// It goes on with the objects whose hash begins with this byte.
    pub(crate) next: u8,
    /// When it last did.
    pub(crate) ended_at: Option<Timestamp>,
}

impl Record {
    /// The record of this log; an empty one if there is none yet, or if what is there is of another log or says nothing.
    pub(crate) async fn read(blobs: &BlobStore, log: &StreamPosition) -> Result<Self, GetError> {
        let bytes = blobs.read_record(NAME).await?;
        let found = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let found = found.filter(|found| found.epoch == log.epoch && found.hashed.position <= log.last_seq);
        Ok(found.unwrap_or_else(|| Self { epoch: log.epoch.clone(), ..Self::default() }))
    }

    /// Writes it in place of what was there.
    pub(crate) async fn write(&self, blobs: &BlobStore) -> Result<(), PutError> {
        let bytes = serde_json::to_vec(self).expect("a record is text and numbers");
        blobs.write_record(NAME, bytes.into()).await
    }

    /// How many objects there are, as far as is known, if `more` were read now.
    pub(crate) fn objects(&self, more: u64) -> u64 {
        self.hashed.objects_before.max(self.hashed.objects + more)
    }

    /// Whether this was lost before, in the same way.
    pub(crate) fn knows(&self, loss: &Loss) -> bool {
        self.lost.iter().any(|known| known.blob.sha256 == loss.blob.sha256 && known.refused == loss.refused)
    }

    /// Notes that this was lost.
    pub(crate) fn note_lost(&mut self, loss: &Loss) {
        match self.lost.iter_mut().find(|known| known.blob.sha256 == loss.blob.sha256) {
            Some(known) => known.clone_from(loss),
            None => self.lost.push(loss.clone()),
        }
    }

    /// Forgets what can be had again.
    pub(crate) fn forget(&mut self, healed: &[Loss]) {
        self.lost.retain(|loss| !healed.iter().any(|healed| healed.blob.sha256 == loss.blob.sha256));
    }

    /// Begins a round at the first position, after a whole one or at first.
    pub(crate) fn begin_round(&mut self, now: Timestamp, is_after_another: bool) {
        self.hashed.began_at = Some(now);
        if is_after_another {
            let objects_before = self.hashed.objects;
            self.hashed = Hashed { began_at: Some(now), objects_before, ..Hashed::default() };
        }
    }

    /// What somebody has to look at although no job has a dead letter for it; `None` when there is nothing.
    pub(crate) fn note(&self) -> Option<String> {
        let words = self.counts().into_iter().skip(1).filter(|(_, count)| *count > 0).map(|(what, count)| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural}")
        });
        let words: Vec<_> = words.collect();
        let first = self.lost.iter().find(|loss| !loss.is_to_be_parked())?;
        Some(format!(
            "can't be had: {}; restore them from a copy of the storage. The first is named at position {}: {}",
            words.join(", "),
            first.position,
            first.why
        ))
    }

    /// How much of each kind was lost; of the images, which come first, dead letters tell.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 4] {
        let count = |is_meant: &dyn Fn(&Loss) -> bool| self.lost.iter().filter(|loss| is_meant(loss)).count();
        [
            ("image", count(&Loss::is_to_be_parked)),
            ("picture", count(&|loss| !loss.refused && loss.part == Part::Picture)),
            ("document", count(&|loss| !loss.refused && loss.part == Part::Document)),
            ("refused", count(&|loss| loss.refused)),
        ]
    }
}
