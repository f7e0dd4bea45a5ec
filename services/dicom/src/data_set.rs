//! The data set of a message, as it comes in piece by piece.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use hilum_runtime::BodyFault;

use crate::framing::{DataValue, Incoming};
use crate::wire::{AssociationError, Wire};

/// What of a data set is read at most that nobody wants, bytes. It costs no memory.
const DRAIN_MAX: u64 = 4 << 30;

type BoxError = Box<dyn Error + Send + Sync>;

/// A data set that comes in.
pub(crate) struct DataSet<'w> {
    wire: &'w mut Wire,
    context: u8,
    /// How long each piece may take.
    silence_limit: Duration,
    has_ended: bool,
    /// Why no more comes.
    fault: Option<AssociationError>,
    /// Bytes that came.
    pub(crate) bytes: u64,
}

impl<'w> DataSet<'w> {
    /// That of a message in this context; one that has none has ended already.
    pub(crate) fn new(wire: &'w mut Wire, context: u8, silence_limit: Duration, is_there: bool) -> Self {
        Self { wire, context, silence_limit, has_ended: !is_there, fault: None, bytes: 0 }
    }

    /// Its pieces, from here on. The stream can be dropped before its end.
    pub(crate) fn pieces(&mut self) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
        stream::unfold(self, |data_set| async move {
            let piece = data_set.next().await?;
            Some((piece, data_set))
        })
    }

    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        if self.has_ended || self.fault.is_some() {
            return None;
        }
        match self.piece().await {
            Ok(piece) => Some(Ok(piece)),
            Err(fault) => {
                let told = match &fault {
                    AssociationError::Stalled(limit) => BodyFault::Stalled { limit: *limit },
                    other => BodyFault::BrokenOff(axum::Error::new(other.to_string())),
                };
                self.fault = Some(fault);
                Some(Err(told.into()))
            }
        }
    }

    async fn piece(&mut self) -> Result<Bytes, AssociationError> {
        match self.wire.next(self.silence_limit).await? {
            Incoming::Value(DataValue { context, is_command: false, is_last, bytes })
                if context == self.context =>
            {
                self.has_ended = is_last;
                self.bytes += bytes.len() as u64;
                Ok(bytes)
            }
            _ => Err(AssociationError::Unexpected("a data set is interrupted by something else")),
        }
    }

    /// All of it; `None` if it is longer than `most` bytes. The rest of it is not read then.
    pub(crate) async fn whole(&mut self, most: usize) -> Result<Option<Vec<u8>>, AssociationError> {
        let mut bytes = Vec::new();
        while !self.has_ended {
            bytes.extend_from_slice(&self.piece().await?);
            if bytes.len() > most {
                return Ok(None);
            }
        }
        Ok(Some(bytes))
    }

    /// Reads to the end and throws it away, so that the association can go on.
    pub(crate) async fn drain(mut self) -> Result<u64, AssociationError> {
        let mut drained = 0;
        while !self.has_ended && self.fault.is_none() {
            drained += self.piece().await?.len() as u64;
            if drained > DRAIN_MAX {
                return Err(AssociationError::Unexpected("a data set that is not wanted has no end"));
            }
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.bytes),
        }
    }
}
