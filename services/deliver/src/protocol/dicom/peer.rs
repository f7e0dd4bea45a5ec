//! DICOM C-STORE: one association for all objects, one request for each (PS3.4, annex B; PS3.7, 9.1.1).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use dicom_ul::association::client::AsyncClientAssociation;
use dicom_ul::association::{Error as AssociationError, client::ClientAssociationOptions};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason as UserReason, AssociationRJSource, PDataValue, PDataValueType, Pdu,
    PresentationContextNegotiated, PresentationContextResultReason,
};
use futures::future::BoxFuture;
use hilum_dicom::Transfer;
use tokio::net::TcpStream;

use super::response::store_response;
use crate::progress::Progress;
use crate::protocol::address::HostPort;
use crate::protocol::error::SendError;
use crate::protocol::sender::{Sender, within};
use crate::protocol::store_status::{self as status, StoreOutcome};

/// Explicit VR little endian.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Implicit VR little endian, the default of every association.
const IMPLICIT: &str = "1.2.840.10008.1.2";
/// Longest command that is read, bytes: a response has some 200.
const COMMAND_MAX: usize = 64 << 10;
/// Bytes of a PDU that a data value takes besides its own (PS3.8, 9.3.5).
const PDU_OVERHEAD: u32 = 12;

/// A receiver of DICOM objects.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: HostPort,
    pub(super) called_ae: String,
    pub(super) calling_ae: String,
    /// How long it may take for one object.
    pub(super) limit: Duration,
}

type Association = AsyncClientAssociation<TcpStream>;

impl Sender for Peer {
    fn send<'a>(&'a self, progress: &'a Progress<'a>, _: Duration) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(self.store(progress))
    }
}

impl Peer {
    /// Stores all open objects, one after the other.
    async fn store(&self, progress: &Progress<'_>) -> Result<(), SendError> {
        let mut objects = Vec::new();
        for (number, object) in progress.open() {
            objects.push((number, Transfer::of(&object.bytes)?));
        }
        if objects.is_empty() {
            return Ok(());
        }
        let mut association = within(self.limit, self.associate(&objects)).await?;
        match self.store_all(&mut association, &objects, progress).await {
            Ok(()) => {
                // All is stored: how the conversation ends changes nothing.
                if within(self.limit, async { Ok(association.release().await) }).await.is_err() {
                    tracing::debug!("the association was not released");
                }
                Ok(())
            }
            Err(error) => {
                let _ = within(self.limit, async { Ok(association.abort().await) }).await;
                Err(error)
            }
        }
    }

    /// Stores the objects, each within the receiver's time.
    async fn store_all(
        &self,
        association: &mut Association,
        objects: &[(usize, Transfer<'_>)],
        progress: &Progress<'_>,
    ) -> Result<(), SendError> {
        for (message_id, (number, object)) in (1..).zip(objects) {
            let status = within(self.limit, store_one(association, message_id, object)).await?;
            let what =
                || format!("it answered C-STORE with status {status:#06x}: {}", status::sentence(status));
            match status::of_status(status) {
                StoreOutcome::Stored => progress.took(*number, format!("C-STORE {status:#06x}")),
                StoreOutcome::ThereBefore => {
                    progress.took(*number, format!("C-STORE {status:#06x}: it was there before"));
                }
                StoreOutcome::Failed => return Err(SendError::failed(what())),
                StoreOutcome::Refused => return Err(SendError::refused(what())),
            }
        }
        Ok(())
    }

    async fn associate(&self, objects: &[(usize, Transfer<'_>)]) -> Result<Association, SendError> {
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(self.calling_ae.as_str())
            .called_ae_title(self.called_ae.as_str())
            .read_timeout(self.limit)
            .write_timeout(self.limit)
            .connection_timeout(self.limit);
        let contexts: BTreeSet<(&str, &str)> = objects
            .iter()
            .map(|(_, object)| (object.sop_class.as_str(), object.transfer_syntax.as_str()))
            .collect();
        for (sop_class, transfer_syntax) in contexts {
            // What is written in explicit VR can be written in implicit VR, which every receiver takes.
            let more = (transfer_syntax == EXPLICIT).then_some(IMPLICIT);
            let syntaxes = std::iter::once(transfer_syntax).chain(more).collect::<Vec<_>>();
            options = options.with_presentation_context(sop_class, syntaxes);
        }
        let HostPort { host, port } = &self.address;
        options.establish_async((host.as_str(), *port)).await.map_err(not_associated)
    }
}

/// Why there is no association. Only codes of what the receiver sent are passed on: an unexpected answer may hold anything.
fn not_associated(error: AssociationError) -> SendError {
    match &error {
        AssociationError::Connect { .. } | AssociationError::ToAddress { .. } => {
            SendError::failed_because("it can't be reached", &error)
        }
        AssociationError::NoAcceptedPresentationContexts { .. } => SendError::refused(
            "it takes none of these kinds of DICOM object; leave out what it can't take from `forms`",
        ),
        AssociationError::Rejected { association_rj, .. } => {
            SendError::failed(match &association_rj.source {
                AssociationRJSource::ServiceProviderPresentation(_) => {
                    "it is busy: association rejected, it has too many"
                }
                AssociationRJSource::ServiceUser(UserReason::CalledAETitleNotRecognized) => {
                    "association rejected: it is not called as `called_ae` says"
                }
                AssociationRJSource::ServiceUser(UserReason::CallingAETitleNotRecognized) => {
                    "association rejected: it does not know `calling_ae`; tell it of us"
                }
                _ => "association rejected; are `called_ae` and `calling_ae` as it expects?",
            })
        }
        AssociationError::Aborted { .. } => {
            SendError::failed("it aborted the association that was asked for")
        }
        AssociationError::UnexpectedPdu { .. } | AssociationError::UnknownPdu { .. } => {
            SendError::failed("it answered something else than DICOM wants; is it a DICOM receiver?")
        }
        _ => SendError::failed_because("no association was made", &error),
    }
}

/// Sends one object and returns the status of the answer.
async fn store_one(
    association: &mut Association,
    message_id: u16,
    object: &Transfer<'_>,
) -> Result<u16, SendError> {
    let (id, dataset) = offer(association.presentation_contexts(), object)?;
    let broke = |error: AssociationError| SendError::failed_because("the association broke", &error);
    let command = object.store_request(message_id)?;
    for pdu in pdus(id, PDataValueType::Command, &command, association.acceptor_max_pdu_length()) {
        association.send(&pdu).await.map_err(broke)?;
    }
    for pdu in pdus(id, PDataValueType::Data, &dataset, association.acceptor_max_pdu_length()) {
        association.send(&pdu).await.map_err(broke)?;
    }
    let answer = receive_command(association).await?;
    let answer = store_response(&answer);
    let answer =
        answer.ok_or_else(|| SendError::failed("it answered something else than a C-STORE response"))?;
    if answer.message_id != message_id {
        return Err(SendError::failed("it answered another request"));
    }
    Ok(answer.status)
}

/// The context in which the receiver takes the object, and the data set as it takes it.
fn offer<'a>(
    contexts: &[PresentationContextNegotiated],
    object: &Transfer<'a>,
) -> Result<(u8, Cow<'a, [u8]>), SendError> {
    let accepted = |syntax: &str| {
        contexts.iter().find(|context| {
            context.reason == PresentationContextResultReason::Acceptance
                && uid(&context.abstract_syntax) == object.sop_class
                && uid(&context.transfer_syntax) == syntax
        })
    };
    if let Some(context) = accepted(&object.transfer_syntax) {
        return Ok((context.id, Cow::Borrowed(object.data_set)));
    }
    if object.transfer_syntax == EXPLICIT
        && let Some(context) = accepted(IMPLICIT)
    {
        return Ok((context.id, Cow::Owned(object.implicit()?)));
    }
    let class = &object.sop_class;
    Err(SendError::refused(format!(
        "it does not take objects of the SOP class {class}; leave them out of `forms`"
    )))
}

/// The identifier without its padding.
fn uid(text: &str) -> &str {
    text.trim_end_matches(['\0', ' '])
}

/// `bytes` in pieces that the receiver takes. The library's own writer of pieces blocks its thread when it is dropped before the
/// end, as at a time limit, until the receiver has read on.
fn pdus(
    presentation_context_id: u8,
    value_type: PDataValueType,
    bytes: &[u8],
    pdu_max: u32,
) -> impl Iterator<Item = Pdu> {
    // A receiver that names no limit takes any length; pieces of 64 KiB do for it.
    let pdu_max = if pdu_max == 0 { 64 << 10 } else { pdu_max.min(1 << 20) };
    let room = usize::try_from(pdu_max.saturating_sub(PDU_OVERHEAD)).unwrap_or(usize::MAX).max(2) & !1;
    let pieces = bytes.len().div_ceil(room).max(1);
    (0..pieces).map(move |piece| {
        let data = bytes[piece * room..bytes.len().min((piece + 1) * room)].to_vec();
        let is_last = piece + 1 == pieces;
        let value = PDataValue { presentation_context_id, value_type: value_type.clone(), is_last, data };
        Pdu::PData { data: vec![value] }
    })
}

async fn receive_command(association: &mut Association) -> Result<Vec<u8>, SendError> {
    let mut command = Vec::new();
    loop {
        let pdu = association.receive().await;
        let pdu = pdu.map_err(|error| SendError::failed_because("it did not answer", &error))?;
        let Pdu::PData { data } = pdu else {
            return Err(SendError::failed("it ended the association without an answer"));
        };
        for value in data {
            if value.value_type != PDataValueType::Command {
                return Err(SendError::failed("it answered with data"));
            }
            command.extend_from_slice(&value.data);
            if command.len() > COMMAND_MAX {
                return Err(SendError::failed("its answer has no end"));
            }
            if value.is_last {
                return Ok(command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_data_goes_in_pieces_of_even_length_that_fit() {
        let bytes: Vec<u8> = (0..250).collect();
        let pieces: Vec<PDataValue> = pdus(3, PDataValueType::Data, &bytes, 113)
            .map(|pdu| match pdu {
                Pdu::PData { mut data } => data.remove(0),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pieces.iter().map(|piece| piece.data.len()).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(pieces.iter().map(|piece| piece.is_last).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(pieces.concat_data(), bytes);
        assert_eq!(pdus(1, PDataValueType::Command, &bytes, 0).count(), 1);
    }

    trait ConcatData {
        fn concat_data(&self) -> Vec<u8>;
    }

    impl ConcatData for Vec<PDataValue> {
        fn concat_data(&self) -> Vec<u8> {
            self.iter().flat_map(|piece| piece.data.clone()).collect()
        }
    }
}
