//! A sender of C-STORE (a service class user, PS3.4, annex B) for programs that show, measure or test: one association, one object
//! after the other, and what is answered. What delivers reports has a sender of its own, which tries again and knows receivers.

use std::str::FromStr;
use std::time::Duration;

use dicom_ul::association::Error as AssociationError;
use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use futures::future::BoxFuture;
pub use hilum_dicom::{Transfer, TransferError};
use tokio::net::TcpStream;

/// Bytes of a PDU that a data value takes besides its own (PS3.8, 9.3.5).
const PDU_OVERHEAD: u32 = 12;
/// The longest piece, if the receiver takes such: what most senders send.
const PDU_MAX: u32 = 128 << 10;
/// Of an answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Status (0000,0900) in an answer, a number of two bytes.
const STATUS: [u8; 8] = [0, 0, 0, 9, 2, 0, 0, 0];

/// A receiver, written `TITLE@HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its application entity title.
    pub title: String,
    /// Host and port.
    pub address: String,
}

/// Why an object was not sent, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum ScuError {
    /// There is no connection.
    #[error("it can't be reached")]
    Unreachable(#[source] Box<AssociationError>),
    /// It makes no association, or that breaks.
    #[error("it makes no association, or that broke")]
    Association(#[source] Box<AssociationError>),
    /// It does not take such objects.
    #[error("it takes no objects of this class in this transfer syntax")]
    NotTaken,
    /// What is to be sent is no object.
    #[error(transparent)]
    Object(#[from] TransferError),
    /// It answered by something else than C-STORE wants.
    #[error("it did not answer a C-STORE")]
    NoAnswer,
}

/// An association in which objects are stored.
pub struct StoreScu {
    association: AsyncClientAssociation<TcpStream>,
    room: usize,
    messages: u16,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').filter(|(title, address)| {
            (1..=16).contains(&title.len())
                && address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        });
        let (title, address) = parts.ok_or("must be TITLE@HOST:PORT, such as ORTHANC@127.0.0.1:4242")?;
        Ok(Self { title: title.to_owned(), address: address.to_owned() })
    }
}

impl StoreScu {
    /// Asks for an association in which objects of these SOP classes and transfer syntaxes can be stored.
    ///
    /// # Errors
    /// The receiver can't be reached, or takes none of them.
    pub fn associate<'a>(
        peer: &'a Peer,
        calling: &'a str,
        objects: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Self, ScuError>> {
        Box::pin(Self::asked_for(peer, calling, objects))
    }

    async fn asked_for(peer: &Peer, calling: &str, objects: &[(&str, &str)]) -> Result<Self, ScuError> {
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(calling)
            .called_ae_title(peer.title.as_str())
            .read_timeout(PATIENCE)
            .write_timeout(PATIENCE);
        for (class, syntax) in objects {
            options = options.with_presentation_context(*class, vec![*syntax]);
        }
        let association =
            options.establish_async(peer.address.as_str()).await.map_err(|error| match error {
                AssociationError::Connect { .. } => ScuError::Unreachable(Box::new(error)),
                error => ScuError::Association(Box::new(error)),
            })?;
        let taken = match association.acceptor_max_pdu_length() {
            0 => PDU_MAX,
            most => most.min(PDU_MAX),
        };
        let room = usize::try_from(taken.saturating_sub(PDU_OVERHEAD)).unwrap_or(2).max(2) & !1;
        Ok(Self { association, room, messages: 0 })
    }

    /// Has an object stored; the status of the answer, 0 when it was stored.
    ///
    /// # Errors
    /// The association breaks, or does not take such objects.
    pub fn store<'a>(&'a mut self, object: &'a Transfer<'_>) -> BoxFuture<'a, Result<u16, ScuError>> {
        Box::pin(async move { self.transfer(object, &[object.data_set]).await })
    }

    /// As [`Self::store`], of an object whose data set lies in parts, of an even number of bytes each.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub fn store_parts<'a>(
        &'a mut self,
        object: &'a Transfer<'_>,
        parts: &'a [&'a [u8]],
    ) -> BoxFuture<'a, Result<u16, ScuError>> {
        Box::pin(self.transfer(object, parts))
    }

    async fn transfer(&mut self, object: &Transfer<'_>, parts: &[&[u8]]) -> Result<u16, ScuError> {
        let context = self.context_of(object).ok_or(ScuError::NotTaken)?;
        self.messages = self.messages.wrapping_add(1);
        let request = object.store_request(self.messages)?;
        self.send(context, PDataValueType::Command, &[&request]).await?;
        self.send(context, PDataValueType::Data, parts).await?;
        status_of(&self.answer().await?).ok_or(ScuError::NoAnswer)
    }

    /// Ends the association.
    ///
    /// # Errors
    /// It does not end as it should.
    pub fn release(self) -> BoxFuture<'static, Result<(), ScuError>> {
        Box::pin(async move { self.association.release().await.map_err(broken) })
    }

    fn context_of(&self, object: &Transfer<'_>) -> Option<u8> {
        let is_one = |taken: &str, wanted: &str| uid(taken) == uid(wanted);
        let contexts = self.association.presentation_contexts();
        let context = contexts.iter().find(|context| {
            is_one(&context.abstract_syntax, &object.sop_class)
                && is_one(&context.transfer_syntax, &object.transfer_syntax)
        });
        context.map(|context| context.id)
    }

    async fn send(
        &mut self,
        context: u8,
        value_type: PDataValueType,
        parts: &[&[u8]],
    ) -> Result<(), ScuError> {
        for (number, part) in (1..).zip(parts) {
            let mut pieces = part.chunks(self.room).peekable();
            while let Some(piece) = pieces.next() {
                let value = PDataValue {
                    presentation_context_id: context,
                    value_type: value_type.clone(),
                    is_last: number == parts.len() && pieces.peek().is_none(),
                    data: piece.to_vec(),
                };
                self.association.send(&Pdu::PData { data: vec![value] }).await.map_err(broken)?;
            }
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<Vec<u8>, ScuError> {
        let mut answer = Vec::new();
        loop {
            let Pdu::PData { data } = self.association.receive().await.map_err(broken)? else {
                return Err(ScuError::NoAnswer);
            };
            for value in data {
                answer.extend(value.data);
                if value.is_last {
                    return Ok(answer);
                }
            }
        }
    }
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let at = answer.windows(STATUS.len()).position(|head| head == STATUS)? + STATUS.len();
    Some(u16::from_le_bytes([*answer.get(at)?, *answer.get(at + 1)?]))
}

/// The identifier without its padding.
fn uid(text: &str) -> &str {
    text.trim_end_matches(['\0', ' '])
}

fn broken(error: AssociationError) -> ScuError {
    ScuError::Association(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_has_a_title_and_a_port() {
        let peer: Peer = "ORTHANC@127.0.0.1:4242".parse().unwrap();
        assert_eq!((&*peer.title, &*peer.address), ("ORTHANC", "127.0.0.1:4242"));
        for bad in ["127.0.0.1:4242", "@127.0.0.1:4242", "ORTHANC@127.0.0.1", "THIS_IS_FAR_TOO_LONG@a:1"] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_status_is_found_in_an_answer() {
        let command_field = [0, 0, 0, 1, 2, 0, 0, 0, 0x01, 0x80];
        let answer = [&command_field[..], &STATUS, &[0, 0xa7]].concat();
        assert_eq!(status_of(&answer), Some(0xa700));
        assert_eq!(status_of(&command_field), None);
        assert_eq!(status_of(&answer[..answer.len() - 1]), None);
    }
}
