//! The long look: every object that the log names against every object in storage. Reads the whole log and the whole
//! list; takes some 100 bytes of memory per object while it lasts.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt as _;
use hilum_blobs::{BlobStore, GetError};
use hilum_events::{BlobRef, Event, JobId, Sha256Digest};
use hilum_log::{Log, Recorded, UnavailableError};
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Finding, Kind, SWEEP};

/// Younger objects may belong to an upload under way.
const GROWN_UP: SignedDuration = SignedDuration::from_hours(1);
/// Objects without event that are named one by one.
const NAMED: usize = 100;
/// So many missing objects are believed even if they are most of all.
const BELIEVED: usize = 100;
/// Facts taken at a time.
const BATCH: usize = 512;

/// The look was not finished.
#[derive(Debug, thiserror::Error)]
pub enum StorageLookError {
    /// The log is away.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// The storage is away.
    #[error(transparent)]
    Storage(#[from] GetError),
}

/// An object as it is listed.
struct Stored {
    size_bytes: u64,
    modified_at: Timestamp,
    named: bool,
}

/// An object that the log names and the list does not have.
struct Suspect {
    seq: u64,
    job_id: Option<JobId>,
    blob: BlobRef,
}

/// What the log names.
#[derive(Default)]
struct Census {
    named: usize,
    suspects: Vec<Suspect>,
    /// Jobs that were given up before.
    given_up: HashSet<JobId>,
}

/// Compares the log with object storage at `now`.
pub(crate) async fn compare(
    log: &Log,
    blobs: &BlobStore,
    now: Timestamp,
) -> Result<Vec<Finding>, StorageLookError> {
    // An object is there before the event that names it: events up to here must find theirs in the list.
    let listed_after_seq = log.position().await?.last_seq;
    let mut stored = list(blobs).await?;
    let last_seq = log.position().await?.last_seq;

    let mut census = Census::default();
    let mut follower = log.follow(0, &[]);
    let mut seq = 0;
    while seq < last_seq {
        for recorded in follower.next_batch(BATCH).await {
            seq = recorded.seq;
            census.take(&recorded, &mut stored, listed_after_seq);
        }
    }
    let mut findings = without_object(log, blobs, &census, now).await?;
    findings.extend(without_event(&stored, now));
    Ok(findings)
}

async fn list(blobs: &BlobStore) -> Result<HashMap<Sha256Digest, Stored>, GetError> {
    let mut stored = HashMap::new();
    let mut objects = std::pin::pin!(blobs.list());
    while let Some(object) = objects.try_next().await? {
        let entry = Stored { size_bytes: object.size_bytes, modified_at: object.modified_at, named: false };
        stored.insert(object.sha256, entry);
    }
    Ok(stored)
}

impl Census {
    fn take(
        &mut self,
        recorded: &Recorded,
        stored: &mut HashMap<Sha256Digest, Stored>,
        listed_after_seq: u64,
    ) {
        let Some(envelope) = recorded.envelope() else { return };
        // A job is only lost with its image: without a picture for people its reading is what it was.
        let job_id = match &envelope.event {
            Event::ImageStored(e) => Some(e.job_id),
            Event::JobDeadLettered(e) => {
                self.given_up.insert(e.job_id);
                None
            }
            _ => None,
        };
        for blob in envelope.event.objects() {
            self.named += 1;
            let found = stored.get_mut(&blob.sha256);
            let fits = found.is_some_and(|object| {
                object.named = true;
                object.size_bytes == blob.size_bytes
            });
            if !fits && recorded.seq <= listed_after_seq {
                self.suspects.push(Suspect { seq: recorded.seq, job_id, blob: blob.clone() });
            }
        }
    }
}

/// Parks the facts whose objects can't be had. Each is asked for once more: a list may be behind.
async fn without_object(
    log: &Log,
    blobs: &BlobStore,
    census: &Census,
    now: Timestamp,
) -> Result<Vec<Finding>, StorageLookError> {
    let Census { named, suspects, given_up } = census;
    if suspects.len() > BELIEVED && suspects.len() * 2 > *named {
        // More likely the wrong storage than the loss of it: thousands of jobs shall not fail by a wrong setting.
        let reason = format!(
            "{} of the {named} objects that the log names are not in storage; see whether HILUM_STORE_URL is \
             right, else restore them; nothing was parked",
            suspects.len()
        );
        return Ok(vec![Finding::named(Kind::EventWithoutObject, reason)]);
    }
    let mut findings: Vec<Finding> = Vec::new();
    // One dead letter tells of an object, also one that was written by the service that missed it first.
    let was_told = |suspect: &&Suspect| suspect.job_id.is_some_and(|job_id| given_up.contains(&job_id));
    let mut told: HashSet<_> = suspects.iter().filter(was_told).map(|suspect| suspect.blob.sha256).collect();
    for suspect in suspects {
        let parked_now = findings.last().is_some_and(|finding| finding.position == Some(suspect.seq));
        if parked_now
            || !told.insert(suspect.blob.sha256)
            || log.dead_letter(SWEEP, suspect.seq).await?.is_some()
        {
            continue;
        }
        match blobs.get(&suspect.blob).await {
            Ok(_) => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                let reason = format!("{error}; restore it from a copy of the storage, or send it again");
                let finding = Finding::parked(Kind::EventWithoutObject, suspect.seq, now, reason);
                findings.push(Finding { job_id: suspect.job_id, ..finding });
            }
        }
    }
    Ok(findings)
}

/// Names the objects that no event names: left by uploads that were refused or broke off after the object was stored.
/// Nothing was promised of them. They are never deleted here: keys follow from the content, so an upload of the same
/// content may be on its way this moment, between its object, which it finds in place, and its event.
fn without_event(stored: &HashMap<Sha256Digest, Stored>, now: Timestamp) -> Vec<Finding> {
    let is_left = |object: &Stored| !object.named && now.duration_since(object.modified_at) > GROWN_UP;
    let mut left: Vec<_> = stored.iter().filter(|(_, object)| is_left(object)).collect();
    left.sort_by_key(|(sha256, object)| (object.modified_at, **sha256));
    let named = |(sha256, object): &(&Sha256Digest, &Stored)| {
        let Stored { size_bytes, modified_at, .. } = object;
        let reason =
            format!("object {sha256} of {size_bytes} bytes, written at {modified_at}, is named by no event");
        Finding::named(Kind::ObjectWithoutEvent, reason)
    };
    let mut findings: Vec<Finding> = left.iter().take(NAMED).map(named).collect();
    if left.len() > NAMED {
        let reason = format!("{} more objects are named by no event", left.len() - NAMED);
        findings.push(Finding::named(Kind::ObjectWithoutEvent, reason));
    }
    findings
}
