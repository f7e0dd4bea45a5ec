//! What a process knows of the log, so that it notices when another one answers in its place.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::EventId;

use super::gap::Gap;
use super::other_log::OtherLog;
use super::position::StreamPosition;

/// What this process knows of the log.
#[derive(Default)]
pub(crate) struct LogKnowledge {
    inner: Mutex<Knowledge>,
}

/// What was read of the seal's record, `None` before there is one.
pub(crate) type SealRead = Result<Option<Bytes>, Box<dyn Error + Send + Sync>>;
/// Fetches the seal's record from where it is kept.
pub(crate) type ReadSeal = Arc<dyn Fn() -> BoxFuture<'static, SealRead> + Send + Sync>;

/// The position and the newest fact that were known at some moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    pub(crate) position: Option<StreamPosition>,
    pub(crate) newest: Option<(u64, EventId)>,
}

#[derive(Default)]
struct Knowledge {
    position: Option<StreamPosition>,
    /// The newest fact that this process has appended or was given, and could read.
    newest: Option<(u64, EventId)>,
    read_seal: Option<ReadSeal>,
    /// The connection on which the log was looked at last.
    connection: u64,
    /// Where a reader of the whole log stands, because it can't go on.
    hole: Option<Gap>,
    /// How many of the missing positions are known to be accepted losses.
    explained: u64,
}

impl Knowledge {
    fn goes_to(&mut self, seq: u64, event_id: Option<EventId>) {
        if let Some(position) = &mut self.position {
            position.last_seq = position.last_seq.max(seq);
        }
        let newest = event_id.map(|event_id| (seq, event_id));
        self.newest = self.newest.max(newest);
    }
}

impl LogKnowledge {
    fn lock(&self) -> std::sync::MutexGuard<'_, Knowledge> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a fact that stands in the log, if this is the connection on which the log was looked at: what another log may
    /// have said is no knowledge.
    pub(crate) fn saw(&self, seq: u64, event_id: Option<EventId>, connection: u64) {
        let mut knowledge = self.lock();
        if knowledge.connection == connection {
            knowledge.goes_to(seq, event_id);
        }
    }

    /// The connection on which the log was looked at last.
    pub(crate) fn connection(&self) -> u64 {
        self.lock().connection
    }

    /// How the seal is fetched, if the log has one.
    pub(crate) fn read_seal(&self) -> Option<ReadSeal> {
        self.lock().read_seal.clone()
    }

    /// Has the log compared with its seal from now on, before the next fact is appended.
    pub(crate) fn seal_with(&self, read_seal: ReadSeal) {
        let mut knowledge = self.lock();
        knowledge.read_seal = Some(read_seal);
        knowledge.connection = 0;
    }

    /// Takes for granted that the log goes to `seq`; it is compared before the next fact is appended.
    pub(crate) fn remember(&self, seq: u64, event_id: Option<EventId>) {
        let mut knowledge = self.lock();
        knowledge.goes_to(seq, event_id);
        knowledge.connection = 0;
    }

    pub(crate) fn hole(&self) -> Option<Gap> {
        self.lock().hole
    }

    pub(crate) fn explained(&self) -> u64 {
        self.lock().explained
    }

    pub(crate) fn explain(&self, missing: u64) {
        self.lock().explained = missing;
    }

    /// Notes where a reader stands, or that it goes on; whether that is new.
    pub(crate) fn note_hole(&self, hole: Option<Gap>) -> bool {
        let mut knowledge = self.lock();
        let is_new = knowledge.hole != hole;
        knowledge.hole = hole;
        is_new
    }

    /// What was known before the log is asked: facts that are appended meanwhile are not missed by the answer.
    pub(crate) fn before(&self) -> Before {
        let Knowledge { position, newest, .. } = &*self.lock();
        Before { position: position.clone(), newest: *newest }
    }

    /// Knows from then on what was found.
    pub(crate) fn note(&self, found: &StreamPosition, connection: u64) {
        let mut knowledge = self.lock();
        let last_seq = knowledge.position.as_ref().map_or(0, |known| known.last_seq).max(found.last_seq);
        knowledge.position = Some(StreamPosition { last_seq, ..found.clone() });
        knowledge.connection = connection;
    }
}

impl Before {
    /// Whether what was found is the log of before, as far as its length tells.
    pub(crate) fn check(&self, found: &StreamPosition) -> Result<(), OtherLog> {
        if let Some(known) = &self.position
            && known.epoch != found.epoch
        {
            return Err(OtherLog::Epoch { found: found.epoch.clone(), known: known.epoch.clone() });
        }
        let newest = self.newest.map_or(0, |(seq, _)| seq);
        let known = self.position.as_ref().map_or(0, |known| known.last_seq).max(newest);
        if known > found.last_seq {
            return Err(OtherLog::Shorter { found: found.last_seq, known });
        }
        Ok(())
    }
}
