//! A connection on which PDUs come and go, each within a time.

use std::io;
use std::time::Duration;

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, PDataValue, PDataValueType, Pdu, write_pdu,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use crate::framing::{Framer, Garbled, Incoming};

/// Bytes that are read at a time. Room is made as they come, not as they are announced.
const READ_AT_ONCE: usize = 16 << 10;
/// Bytes of a PDU that a data value takes besides its own (PS3.8, 9.3.5).
const VALUE_HEAD_LEN: u32 = 6;
/// How long, and for how many bytes, a peer that was told the end is read on, lest the end overtakes what it was told.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

/// A connection, plain or with TLS.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Connection for C {}

/// Why a conversation can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssociationError {
    /// The peer is gone, without the words that are due.
    #[error("the sender broke off")]
    BrokenOff(#[source] Option<io::Error>),
    /// It ended the association.
    #[error("the sender aborted the association")]
    Aborted,
    /// Nothing whole came for so long.
    #[error("nothing came for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// What came is no PDU.
    #[error(transparent)]
    Garbled(#[from] Garbled),
    /// What came is none that may come now.
    #[error("{0}")]
    Unexpected(&'static str),
    /// The service stops.
    #[error("the service stops")]
    Stopping,
}

impl AssociationError {
    /// Stable word for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::BrokenOff(_) => "broken-off",
            Self::Aborted => "aborted",
            Self::Stalled(_) => "stalled",
            Self::Garbled(_) | Self::Unexpected(_) => "malformed",
            Self::Stopping => "stopping",
        }
    }

    /// The reason that the peer is told; `None` where there is nobody to tell it to.
    fn reason(&self) -> Option<AbortRQServiceProviderReason> {
        match self {
            Self::BrokenOff(_) | Self::Aborted => None,
            Self::Stalled(_) | Self::Stopping => Some(AbortRQServiceProviderReason::ReasonNotSpecified),
            Self::Garbled(Garbled::UnknownType) => Some(AbortRQServiceProviderReason::UnrecognizedPdu),
            Self::Garbled(_) => Some(AbortRQServiceProviderReason::InvalidPduParameter),
            Self::Unexpected(_) => Some(AbortRQServiceProviderReason::UnexpectedPdu),
        }
    }
}

/// A connection on which PDUs come and go.
pub(crate) struct Wire {
    connection: Box<dyn Connection>,
    framer: Framer,
}

impl Wire {
    /// `data_max` is the longest PDU of data that may come, bytes.
    pub(crate) fn new(connection: Box<dyn Connection>, data_max: u32) -> Self {
        Self { connection, framer: Framer::new(data_max) }
    }

    /// What comes next. It must be there as a whole at `deadline`. Cancel safe.
    pub(crate) async fn next_until(
        &mut self,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Incoming, AssociationError> {
        loop {
            match self.framer.next()? {
                Some(Incoming::Abort) => return Err(AssociationError::Aborted),
                Some(incoming) => return Ok(incoming),
                None => {}
            }
            self.framer.came().reserve(READ_AT_ONCE);
            let reading = self.connection.read_buf(self.framer.came());
            match timeout_at(deadline, reading).await {
                Ok(Ok(0)) => return Err(AssociationError::BrokenOff(None)),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(AssociationError::BrokenOff(Some(error))),
                Err(_) => return Err(AssociationError::Stalled(limit)),
            }
        }
    }

    /// What comes next, within `limit`. Cancel safe.
    pub(crate) async fn next(&mut self, limit: Duration) -> Result<Incoming, AssociationError> {
        self.next_until(Instant::now() + limit, limit).await
    }

    /// Sends a PDU, within `limit`.
    pub(crate) async fn send(&mut self, pdu: &Pdu, limit: Duration) -> Result<(), AssociationError> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).map_err(|_| AssociationError::Unexpected("an answer can't be written"))?;
        let writing = async {
            self.connection.write_all(&bytes).await?;
            self.connection.flush().await
        };
        match timeout(limit, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(AssociationError::BrokenOff(Some(error))),
            Err(_) => Err(AssociationError::Stalled(limit)),
        }
    }

    /// Sends a command or a data set, in pieces of PDUs that have `pdu_max` bytes at most.
    pub(crate) async fn send_pieces(
        &mut self,
        (context, value_type): (u8, PDataValueType),
        bytes: &[u8],
        pdu_max: u32,
        limit: Duration,
    ) -> Result<(), AssociationError> {
        let room = pdu_max.saturating_sub(VALUE_HEAD_LEN).max(2) as usize & !1;
        let mut pieces = bytes.chunks(room).peekable();
        while let Some(piece) = pieces.next() {
            let value = PDataValue {
                presentation_context_id: context,
                value_type: value_type.clone(),
                is_last: pieces.peek().is_none(),
                data: piece.to_vec(),
            };
            self.send(&Pdu::PData { data: vec![value] }, limit).await?;
        }
        Ok(())
    }

    /// Tells the peer why the association ends, if anybody is there to be told.
    pub(crate) async fn abort(&mut self, fault: &AssociationError) {
        if let Some(reason) = fault.reason() {
            let source = AbortRQSource::ServiceProvider(reason);
            if self.send(&Pdu::AbortRQ { source }, LINGER_TIME).await.is_ok() {
                self.close().await;
            }
        }
    }

    /// Says that nothing more is sent, and reads on for a moment: what was said last would be lost with a connection that is
    /// closed on bytes which nobody has read.
    pub(crate) async fn close(&mut self) {
        let reading = async {
            self.connection.shutdown().await?;
            let (mut read, mut bytes) = (0, [0; 4096]);
            while read < LINGER_BYTES {
                match self.connection.read(&mut bytes).await? {
                    0 => break,
                    more => read += more,
                }
            }
            io::Result::Ok(())
        };
        // However it ends, all is said.
        let _ = timeout(LINGER_TIME, reading).await;
    }
}
