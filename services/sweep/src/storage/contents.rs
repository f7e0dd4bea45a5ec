//! The look that reads objects: along the log, each object that a fact names is read and hashed. It holds one piece of
//! one object in memory, and where it stands is a position in the log.

use std::collections::HashSet;
use std::time::Duration;

use hilum_blobs::{BlobStore, GetError};
use hilum_events::Sha256Digest;
use hilum_log::{Log, Recorded};
use tokio::time::Instant;

use super::loss::{Loss, named};
use super::losses::Losses;

/// Facts taken at a time.
const BATCH: usize = 64;
/// So many objects in a row that can't be read mean that the storage is away.
const IN_A_ROW: usize = 3;
/// After so long it is noted how far the look is.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Which objects are read, and how fast.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// Behind this position of the log.
    pub(crate) after_seq: u64,
    /// Up to this one.
    pub(crate) last_seq: u64,
    /// Whose hash begins with these digits.
    pub(crate) digits: String,
    /// So many at most, and what else their last fact names.
    pub(crate) objects: u64,
    /// So many bytes a second at most.
    pub(crate) bytes_per_s: f64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Hashed {
    /// All objects that are named up to here were read.
    pub(crate) position: u64,
    /// Their lengths, bytes.
    pub(crate) size_bytes: u64,
    /// What can't be had of how many.
    pub(crate) losses: Losses,
    /// Why it did not come further.
    pub(crate) stopped_by: Option<GetError>,
}

/// Reads the objects of a stretch, or the first of them: for as long as is good to note how far it is.
pub(crate) async fn hash_on(log: &Log, blobs: &BlobStore, stretch: &Stretch) -> Hashed {
    let mut look = Look {
        blobs,
        stretch,
        began_at: Instant::now(),
        hashed: Hashed { position: stretch.after_seq, ..Hashed::default() },
        seen: HashSet::new(),
        unread: Vec::new(),
    };
    let mut follower = log.follow(stretch.after_seq, &[]);
    while look.hashed.position < stretch.last_seq && !look.is_enough() {
        // Of another log, it ends at what was read; the fold of the facts says so.
        let Ok(facts) = follower.next_batch(BATCH).await else { break };
        for recorded in facts {
            look.take(&recorded).await;
            if look.is_enough() {
                break;
            }
        }
    }
    look.end()
}

struct Look<'a> {
    blobs: &'a BlobStore,
    stretch: &'a Stretch,
    began_at: Instant,
    hashed: Hashed,
    seen: HashSet<Sha256Digest>,
    /// What could not be read since an object could.
    unread: Vec<(u64, Loss, GetError)>,
}

impl Look<'_> {
    fn is_enough(&self) -> bool {
        self.unread.len() >= IN_A_ROW
            || self.hashed.position >= self.stretch.last_seq
            || self.hashed.losses.objects >= self.stretch.objects
            || self.began_at.elapsed() > NOTED_EVERY
    }

    async fn take(&mut self, recorded: &Recorded) {
        let named = recorded.envelope().into_iter().flat_map(|it| named(recorded.seq, &it.event));
        for one in named {
            let is_meant = one.blob.sha256.to_string().starts_with(&self.stretch.digits);
            if !is_meant || !self.seen.insert(one.blob.sha256) {
                continue;
            }
            match self.blobs.verify(&one.blob).await {
                Err(error) if error.is_transient() && !error.is_refused() => {
                    self.unread.push((recorded.seq, Loss::of(&one, &error), error));
                }
                answered => {
                    self.hashed.losses.losses.extend(answered.err().map(|error| Loss::of(&one, &error)));
                    self.hashed.size_bytes += one.blob.size_bytes;
                    self.store_answers();
                }
            }
            self.hashed.losses.objects += 1;
            self.keep_pace().await;
        }
        self.hashed.position = recorded.seq;
    }

    /// What could not be read is then a matter of the object, not of the storage.
    fn store_answers(&mut self) {
        self.hashed.losses.losses.extend(self.unread.drain(..).map(|(_, loss, _)| loss));
    }

    async fn keep_pace(&self) {
        let takes = self.hashed.size_bytes as f64 / self.stretch.bytes_per_s;
        if let Ok(takes) = Duration::try_from_secs_f64(takes) {
            tokio::time::sleep_until(self.began_at + takes).await;
        }
    }

    fn end(mut self) -> Hashed {
        if let Some((seq, _, error)) = self.unread.into_iter().next() {
            self.hashed.position = seq - 1;
            self.hashed.stopped_by = Some(error);
        }
        self.hashed.losses.losses.sort_by_key(|loss| loss.position);
        self.hashed
    }
}
