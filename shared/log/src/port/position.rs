//! Which log it is and how far it goes.

use async_nats::jetstream::stream::{self, State};

/// Which log this is and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition {
    /// When the stream was made: a stream made anew is another log.
    pub epoch: String,
    /// Position of the oldest message, 1 unless something was removed. That of the next one when there is none.
    pub first_seq: u64,
    /// Position of the newest message; 0 when empty.
    pub last_seq: u64,
    /// Positions between these two at which there is nothing, as far as the server knows.
    pub missing: u64,
}

impl StreamPosition {
    pub(crate) fn of(info: &stream::Info) -> Self {
        let State { first_sequence, last_sequence: last_seq, messages, .. } = info.state;
        let first_seq = if messages == 0 { last_seq + 1 } else { first_sequence };
        let missing = (last_seq + 1 - first_seq).saturating_sub(messages);
        Self { epoch: info.created.to_string(), first_seq, last_seq, missing }
    }
}
