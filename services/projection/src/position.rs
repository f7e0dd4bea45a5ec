//! How far which log was folded, and whether the log at hand is still that one. Pure.

use hilum_events::EventId;
use hilum_log::{Recorded, StreamPosition};
use serde::{Deserialize, Serialize};

/// How far which log was folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which log: a stream that was made anew is another one.
    pub epoch: String,
    /// Position of the last message folded; 0 for none.
    pub last_seq: u64,
    /// Its event id, when it could be read.
    pub last_event_id: Option<EventId>,
}

/// The log is not the one that was folded. Going on would mix two stories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The stream was made anew.
    #[error(
        "the event stream was made at {found} but the database was folded from one made at {folded}; \
         restore that stream, or drop the database to rebuild it from this one"
    )]
    OtherStream {
        /// Of the stream.
        found: String,
        /// Of the database.
        folded: String,
    },
    /// The stream lost its end.
    #[error(
        "the event stream ends at {last_seq} but the database was folded to {folded}; \
         restore the stream, or drop the database to rebuild it from this one"
    )]
    Behind {
        /// Of the stream.
        last_seq: u64,
        /// Of the database.
        folded: u64,
    },
    /// Another event stands where the fold ended.
    #[error(
        "position {seq} of the event stream holds another event than the one that was folded; \
         restore the stream, or drop the database to rebuild it from this one"
    )]
    OtherEvent {
        /// Where.
        seq: u64,
    },
}

impl Position {
    /// Before anything was folded.
    pub fn start(epoch: &str) -> Self {
        Self { epoch: epoch.to_owned(), last_seq: 0, last_event_id: None }
    }

    /// With `recorded` folded too.
    pub fn after(&self, recorded: &Recorded) -> Self {
        Self {
            epoch: self.epoch.clone(),
            last_seq: recorded.seq,
            last_event_id: recorded.envelope().map(|envelope| envelope.event_id),
        }
    }

    /// Whether this was folded from the log that now stands at `log`.
    ///
    /// # Errors
    /// When it is another log or one that lost its end.
    pub fn check_log(&self, log: &StreamPosition) -> Result<(), Mismatch> {
        if self.epoch != log.epoch {
            return Err(Mismatch::OtherStream { found: log.epoch.clone(), folded: self.epoch.clone() });
        }
        if self.last_seq > log.last_seq {
            return Err(Mismatch::Behind { last_seq: log.last_seq, folded: self.last_seq });
        }
        Ok(())
    }

    /// Whether the event found at the end of the fold is the one that was folded.
    ///
    /// # Errors
    /// When it is another.
    pub fn check_last(&self, found: Option<EventId>) -> Result<(), Mismatch> {
        match (self.last_event_id, found) {
            (Some(folded), Some(found)) if folded != found => {
                Err(Mismatch::OtherEvent { seq: self.last_seq })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::image_stored;

    use super::*;

    fn log(epoch: &str, last_seq: u64) -> StreamPosition {
        StreamPosition { epoch: epoch.to_owned(), first_seq: 1, last_seq, missing: 0 }
    }

    #[test]
    fn another_or_a_shorter_log_is_refused() {
        let folded = Position { last_seq: 5, ..Position::start("monday") };
        assert_eq!(folded.check_log(&log("monday", 5)), Ok(()));
        assert_eq!(folded.check_log(&log("monday", 9)), Ok(()));
        assert!(matches!(folded.check_log(&log("monday", 4)), Err(Mismatch::Behind { .. })));
        assert!(matches!(folded.check_log(&log("tuesday", 9)), Err(Mismatch::OtherStream { .. })));
    }

    #[test]
    fn another_event_at_the_end_of_the_fold_is_refused() {
        let (one, other) = (image_stored(1, "a", 0).event_id, image_stored(2, "a", 0).event_id);
        let folded = Position { last_event_id: Some(one), ..Position::start("monday") };
        assert_eq!(folded.check_last(Some(one)), Ok(()));
        assert_eq!(folded.check_last(None), Ok(()));
        assert!(folded.check_last(Some(other)).is_err());
    }
}
