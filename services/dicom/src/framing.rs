//! Bytes of a connection to PDUs (PS3.8, 9.3): each is bounded before anything is kept for it. Pure: bytes are handed in, what
//! they make comes out.

#[cfg(test)]
mod tests;

use bytes::{Buf as _, Bytes, BytesMut};
use dicom_ul::pdu::{AssociationRQ, MAXIMUM_PDU_SIZE, Pdu, read_pdu};

/// The longest request for an association, bytes: 128 contexts with all transfer syntaxes take half of it.
pub(crate) const REQUEST_MAX: u32 = 128 << 10;
/// What a release or an abort has.
const SHORT_MAX: u32 = 4;
/// Type, a reserved byte and the length.
const HEAD_LEN: usize = 6;
/// Length, context and header of a data value.
const VALUE_HEAD_LEN: usize = 6;

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A request for an association.
    Request(AssociationRQ),
    /// A piece of a command or of a data set.
    Value(DataValue),
    /// The sender wants to end.
    ReleaseRequest,
    /// It agrees to end.
    ReleaseReply,
    /// It has ended.
    Abort,
    /// Something that a sender never says to a receiver.
    Unexpected,
}

/// A piece of a command or of a data set (PS3.8, 9.3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataValue {
    /// Of a presentation context.
    pub(crate) context: u8,
    /// Whether it is of a command.
    pub(crate) is_command: bool,
    /// Whether it ends what it is a piece of.
    pub(crate) is_last: bool,
    /// The piece.
    pub(crate) bytes: Bytes,
}

/// The bytes are not as the protocol has them; nothing that follows can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Garbled {
    /// There is no such type of PDU.
    #[error("a PDU of unknown type")]
    UnknownType,
    /// It is longer than it may be.
    #[error("a PDU of {announced} bytes, and it may have {most}")]
    TooLong { announced: u32, most: u32 },
    /// What is in it contradicts itself.
    #[error("a PDU that contradicts itself")]
    Content,
}

/// The bytes that came and were not yet handed out.
#[derive(Debug)]
pub(crate) struct Framer {
    came: BytesMut,
    /// What is left of the data values of a PDU.
    values: Bytes,
    /// The longest PDU of data values that the sender may send.
    data_max: u32,
}

impl Framer {
    pub(crate) fn new(data_max: u32) -> Self {
        Self { came: BytesMut::new(), values: Bytes::new(), data_max }
    }

    /// Where bytes go that come.
    pub(crate) fn came(&mut self) -> &mut BytesMut {
        &mut self.came
    }

    /// What comes next; `None` while more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, Garbled> {
        if !self.values.is_empty() {
            return Ok(Some(Incoming::Value(next_value(&mut self.values)?)));
        }
        let Some(head) = self.came.first_chunk::<HEAD_LEN>() else { return Ok(None) };
        let announced = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let kind = head[0];
        let most = match kind {
            1..=3 => REQUEST_MAX,
            4 => self.data_max,
            5..=7 => SHORT_MAX,
            _ => return Err(Garbled::UnknownType),
        };
        if announced > most {
            return Err(Garbled::TooLong { announced, most });
        }
        let len = HEAD_LEN + announced as usize;
        if self.came.len() < len {
            return Ok(None);
        }
        let mut pdu = self.came.split_to(len).freeze();
        if kind == 4 {
            pdu.advance(HEAD_LEN);
            self.values = pdu;
            return Ok(Some(Incoming::Value(next_value(&mut self.values)?)));
        }
        match read_pdu(&pdu[..], MAXIMUM_PDU_SIZE, true) {
            Ok(Some(Pdu::AssociationRQ(request))) => Ok(Some(Incoming::Request(request))),
            Ok(Some(Pdu::ReleaseRQ)) => Ok(Some(Incoming::ReleaseRequest)),
            Ok(Some(Pdu::ReleaseRP)) => Ok(Some(Incoming::ReleaseReply)),
            // Whatever its reason is, be it none that the standard has.
            _ if kind == 7 => Ok(Some(Incoming::Abort)),
            Ok(Some(_)) => Ok(Some(Incoming::Unexpected)),
            Ok(None) | Err(_) => Err(Garbled::Content),
        }
    }
}

fn next_value(values: &mut Bytes) -> Result<DataValue, Garbled> {
    let head = *values.first_chunk::<VALUE_HEAD_LEN>().ok_or(Garbled::Content)?;
    let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    // Context and header count in the length.
    let bytes = len.checked_sub(2).filter(|len| *len <= values.len() - VALUE_HEAD_LEN);
    let bytes = bytes.ok_or(Garbled::Content)?;
    values.advance(VALUE_HEAD_LEN);
    Ok(DataValue {
        context: head[4],
        is_command: head[5] & 1 != 0,
        is_last: head[5] & 2 != 0,
        bytes: values.split_to(bytes),
    })
}
