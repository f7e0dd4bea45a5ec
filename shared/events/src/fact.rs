//! A fact as whoever folds the log takes it in.

use jiff::Timestamp;

use crate::envelope::Envelope;

/// A fact and where it stands in the log.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// Position in the event stream, from 1.
    pub seq: u64,
    /// When the server stored it. Times that are subtracted from one another are of its one clock.
    pub stored_at: Timestamp,
    /// The lane in which it waits, if it is a request that stands in one.
    pub lane: Option<u16>,
    /// The fact.
    pub envelope: &'a Envelope,
}
