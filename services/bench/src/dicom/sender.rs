//! A sender of C-STORE: one association, one instance after the other.

use std::str::FromStr;
use std::time::Duration;

use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use hilum_dicom::Transfer;
use tokio::net::TcpStream;

use super::object::{CLASS, Object};
use crate::error::Error;

/// Explicit VR little endian.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Bytes of a PDU that a data value takes besides its own (PS3.8, 9.3.5).
const PDU_OVERHEAD: u32 = 12;
/// The longest piece, if the receiver takes such: what most senders send.
const PDU_MAX: u32 = 128 << 10;
/// Of an answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Status (0000,0900) in an answer.
const STATUS: [u8; 4] = [0, 0, 0, 9];
/// Tag and length of an element of a command.
const HEAD_LEN: usize = 8;

/// A receiver.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its AE title.
    pub(super) title: String,
    /// Host and port.
    pub(super) address: String,
}

/// An association.
pub(super) struct Sending {
    association: AsyncClientAssociation<TcpStream>,
    context: u8,
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

impl Sending {
    /// # Errors
    /// The receiver can't be reached or does not want these objects.
    pub(super) async fn begin(peer: &Peer) -> Result<Self, Error> {
        let options = ClientAssociationOptions::new()
            .calling_ae_title("BENCH")
            .called_ae_title(peer.title.as_str())
            .read_timeout(PATIENCE)
            .write_timeout(PATIENCE)
            .with_presentation_context(CLASS, vec![EXPLICIT]);
        let association = options.establish_async(peer.address.as_str()).await;
        let association = association.map_err(|error| {
            Error::Unmeasured(format!("{}@{} made no association: {error}", peer.title, peer.address))
        })?;
        let taken = match association.acceptor_max_pdu_length() {
            0 => PDU_MAX,
            most => most.min(PDU_MAX),
        };
        let room = usize::try_from(taken.saturating_sub(PDU_OVERHEAD)).unwrap_or(2).max(2) & !1;
        let context = association.presentation_contexts().first().map_or(1, |context| context.id);
        Ok(Self { association, context, room, messages: 0 })
    }

    /// Has an instance stored.
    ///
    /// # Errors
    /// The association breaks, or the answer is not 0000.
    pub(super) async fn store(&mut self, object: &Object) -> Result<(), Error> {
        self.messages = self.messages.wrapping_add(1);
        let transfer = Transfer {
            sop_class: CLASS.to_owned(),
            sop_instance: object.instance.clone(),
            transfer_syntax: String::new(),
            data_set: &[],
        };
        let request = transfer.store_request(self.messages);
        let request = request.map_err(|error| Error::Unmeasured(error.to_string()))?;
        self.send(PDataValueType::Command, &request, true).await?;
        let [head, pixels] = &object.parts;
        self.send(PDataValueType::Data, head, false).await?;
        self.send(PDataValueType::Data, pixels, true).await?;
        let answer = self.answer().await?;
        match status_of(&answer) {
            Some([0, 0]) => Ok(()),
            Some(status) => {
                Err(Error::Unmeasured(format!("an instance was answered {status:02x?}, not 0000")))
            }
            None => Err(Error::Unmeasured("an instance was not answered".to_owned())),
        }
    }

    /// Releases it.
    ///
    /// # Errors
    /// It is not released.
    pub(super) async fn end(self) -> Result<(), Error> {
        self.association.release().await.map_err(broken)
    }

    async fn send(&mut self, value_type: PDataValueType, bytes: &[u8], ends: bool) -> Result<(), Error> {
        let mut pieces = bytes.chunks(self.room).peekable();
        while let Some(piece) = pieces.next() {
            let value = PDataValue {
                presentation_context_id: self.context,
                value_type: value_type.clone(),
                is_last: ends && pieces.peek().is_none(),
                data: piece.to_vec(),
            };
            self.association.send(&Pdu::PData { data: vec![value] }).await.map_err(broken)?;
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<Vec<u8>, Error> {
        let mut answer = Vec::new();
        loop {
            let Pdu::PData { data } = self.association.receive().await.map_err(broken)? else {
                return Err(Error::Unmeasured("the receiver ended the association".to_owned()));
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

/// The status in an answer.
fn status_of(answer: &[u8]) -> Option<&[u8]> {
    let mut rest = answer;
    loop {
        let length = u32::from_le_bytes(rest.get(4..HEAD_LEN)?.try_into().ok()?);
        let value = rest.get(HEAD_LEN..HEAD_LEN + usize::try_from(length).ok()?)?;
        if rest.starts_with(&STATUS) {
            return Some(value);
        }
        rest = &rest[HEAD_LEN + value.len()..];
    }
}

fn broken(error: dicom_ul::association::Error) -> Error {
    Error::Unmeasured(format!("the association broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_archive_has_a_title_and_a_port() {
        let peer: Peer = "ORTHANC@127.0.0.1:4242".parse().unwrap();
        assert_eq!((&*peer.title, &*peer.address), ("ORTHANC", "127.0.0.1:4242"));
        for bad in ["127.0.0.1:4242", "@127.0.0.1:4242", "ORTHANC@127.0.0.1", "THIS_IS_FAR_TOO_LONG@a:1"] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }
}
