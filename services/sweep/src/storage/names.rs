//! The look at names: the list of objects in storage against the objects that the log names, for as many of the first
//! digits of their hashes as bounded memory holds. Reads the log once; takes some 100 bytes of memory per listed object.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt as _;
use hilum_blobs::{BlobStore, GetError, UnfinishedIn};
use hilum_events::{Event, JobId, Sha256Digest};
use hilum_log::{Log, Recorded};
use jiff::{SignedDuration, Timestamp};

use super::StorageLookError;
use super::loss::{Loss, Named, named};
use super::losses::{Losses, are_most};
use super::unfinished::{GROWN_UP, unfinished};
use crate::domain::{Discrepancy, Kind};

/// Objects without event that are named one by one.
const NAMED: usize = 100;
/// Facts taken at a time.
const BATCH: usize = 512;

/// Which objects are compared.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    /// Those whose hash begins with this byte or one above, as long as `most` are not exceeded by whole bytes.
    From {
        /// The first byte.
        byte: u8,
        /// So many at most, if there are no more with the first byte.
        most: usize,
    },
    /// Those whose hash begins with these digits.
    Digits(String),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Compared {
    /// The byte to go on with; `None` behind the last.
    pub(crate) next: Option<u8>,
    /// What the log names and the storage does not have.
    pub(crate) losses: Losses,
    /// What is to be said, save of those.
    pub(crate) discrepancies: Vec<Discrepancy>,
}

/// An object as it is listed.
struct Stored {
    size_bytes: u64,
    modified_at: Timestamp,
    named: bool,
}

/// What the log names.
#[derive(Default)]
struct Census {
    named: u64,
    /// Those that the list does not have.
    suspects: Vec<Named>,
    /// Jobs that were given up before.
    given_up: HashSet<JobId>,
}

/// Compares the log with object storage at `now`; what was left unfinished among the contents for `unfinished_after` is
/// to be removed.
pub(crate) async fn compare(
    log: &Log,
    blobs: &BlobStore,
    names: &Names,
    unfinished_after: SignedDuration,
    now: Timestamp,
) -> Result<Compared, StorageLookError> {
    // An object is there before the event that names it: events up to here must find theirs in the list.
    let listed_after_seq = log.position().await?.last_seq;
    let mut list = List::default();
    list.take(blobs, names).await?;
    let last_seq = log.position().await?.last_seq;

    let mut census = Census::default();
    let mut follower = log.follow(0, &[]);
    let mut seq = 0;
    while seq < last_seq {
        for recorded in follower.next_batch(BATCH).await? {
            seq = recorded.seq;
            census.take(&recorded, &mut list, listed_after_seq);
        }
    }
    let mut discrepancies = without_event(&list.stored, now);
    let places: Vec<_> = list.prefixes.iter().filter(|it| it.len() == 2).collect();
    let places: Vec<_> = places.iter().map(|digits| UnfinishedIn::Contents(digits)).collect();
    discrepancies.extend(unfinished(blobs, &places, unfinished_after, now).await?);
    let losses = Losses { losses: census.lost(blobs).await?, objects: census.named };
    Ok(Compared { next: list.next, losses, discrepancies })
}

/// The objects that were listed.
#[derive(Default)]
struct List {
    stored: HashMap<Sha256Digest, Stored>,
    /// What their hashes begin with.
    prefixes: Vec<String>,
    next: Option<u8>,
}

impl List {
    async fn take(&mut self, blobs: &BlobStore, names: &Names) -> Result<(), GetError> {
        let (first, most) = match names {
            Names::Digits(digits) => return self.take_prefix(blobs, digits.clone()).await,
            Names::From { byte, most } => (*byte, *most),
        };
        for byte in first..=u8::MAX {
            // As many as the last ones are expected of the next.
            let of_one = self.stored.len().checked_div(self.prefixes.len()).unwrap_or_default();
            if !self.prefixes.is_empty() && self.stored.len() + of_one > most {
                self.next = Some(byte);
                return Ok(());
            }
            self.take_prefix(blobs, format!("{byte:02x}")).await?;
        }
        Ok(())
    }

    async fn take_prefix(&mut self, blobs: &BlobStore, digits: String) -> Result<(), GetError> {
        let mut objects = std::pin::pin!(blobs.list(&digits));
        while let Some(object) = objects.try_next().await? {
            let entry =
                Stored { size_bytes: object.size_bytes, modified_at: object.modified_at, named: false };
            self.stored.insert(object.sha256, entry);
        }
        self.prefixes.push(digits);
        Ok(())
    }

    fn covers(&self, sha256: &Sha256Digest) -> bool {
        let digits = sha256.to_string();
        self.prefixes.iter().any(|prefix| digits.starts_with(prefix))
    }
}

impl Census {
    fn take(&mut self, recorded: &Recorded, list: &mut List, listed_after_seq: u64) {
        let Some(envelope) = recorded.envelope() else { return };
        if let Event::JobDeadLettered(e) = &envelope.event {
            self.given_up.insert(e.job_id);
        }
        for one in named(recorded.seq, &envelope.event) {
            if !list.covers(&one.blob.sha256) {
                continue;
            }
            self.named += 1;
            let found = list.stored.get_mut(&one.blob.sha256);
            let fits = found.is_some_and(|object| {
                object.named = true;
                object.size_bytes == one.blob.size_bytes
            });
            if !fits && recorded.seq <= listed_after_seq {
                self.suspects.push(one);
            }
        }
    }

    /// What can't be had. Each is asked for once more, since a list may be behind; but not when it is most of all.
    async fn lost(&self, blobs: &BlobStore) -> Result<Vec<Loss>, GetError> {
        let missing = |one: &Named| Loss::of(one, &GetError::Missing { key: one.blob.key.clone() });
        if are_most(self.suspects.len(), self.named) {
            return Ok(self.suspects.iter().map(missing).collect());
        }
        // One dead letter names an object, also one that was written by the service that missed it first.
        let was_told = |one: &&Named| one.job_id.is_some_and(|job_id| self.given_up.contains(&job_id));
        let mut told: HashSet<_> = self.suspects.iter().filter(was_told).map(|one| one.blob.sha256).collect();
        let mut losses = Vec::new();
        for one in &self.suspects {
            if !told.insert(one.blob.sha256) {
                continue;
            }
            match blobs.verify(&one.blob).await {
                Ok(()) => {}
                Err(error) if error.is_transient() && !error.is_refused() => return Err(error),
                Err(error) => losses.push(Loss::of(one, &error)),
            }
        }
        Ok(losses)
    }
}

/// Names the objects that no event names: left by uploads that were refused or broke off after the object was stored.
/// Nothing was promised of them. They are never deleted here: keys follow from the content, so an upload of the same
/// content may be on its way this moment, between its object, which it finds in place, and its event.
fn without_event(stored: &HashMap<Sha256Digest, Stored>, now: Timestamp) -> Vec<Discrepancy> {
    let is_left = |object: &Stored| !object.named && now.duration_since(object.modified_at) > GROWN_UP;
    let mut left: Vec<_> = stored.iter().filter(|(_, object)| is_left(object)).collect();
    left.sort_by_key(|(sha256, object)| (object.modified_at, **sha256));
    let named = |(sha256, object): &(&Sha256Digest, &Stored)| {
        let Stored { size_bytes, modified_at, .. } = object;
        let reason =
            format!("object {sha256} of {size_bytes} bytes, written at {modified_at}, is named by no event");
        Discrepancy::named(Kind::ObjectWithoutEvent, reason)
    };
    let mut discrepancies: Vec<Discrepancy> = left.iter().take(NAMED).map(named).collect();
    if left.len() > NAMED {
        let reason = format!("{} more objects are named by no event", left.len() - NAMED);
        discrepancies.push(Discrepancy::named(Kind::ObjectWithoutEvent, reason));
    }
    discrepancies
}
