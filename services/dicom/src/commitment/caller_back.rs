//! Tells a result on an association of its own, on which the door is the one that calls (PS3.4, J.3.3).

use std::time::Duration;

use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, PresentationContextResultReason};
use hilum_log::WaitingResult;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::report;
use crate::command::{COMMAND_MAX, Command, CommandKind, event_report};
use crate::outcome::SUCCESS;
use crate::uid::{COMMITMENT, EXPLICIT, IMPLICIT, unpadded};

/// Bytes of a piece: every receiver takes so many.
const PIECE: usize = 4 << 10;
const MESSAGE_ID: u16 = 1;

type Association = AsyncClientAssociation<TcpStream>;

/// The receiver was not told. Nothing of what it said is in here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TellError {
    /// It can't be reached, or refused the association.
    #[error("no association with the receiver")]
    NoAssociation(#[source] Box<dicom_ul::association::Error>),
    /// It does not take results of storage commitment.
    #[error("the receiver takes no results of storage commitment")]
    NotTaken,
    /// The association broke.
    #[error("the association with the receiver broke")]
    Broken(#[source] Box<dicom_ul::association::Error>),
    /// It answered something else than is due.
    #[error("the receiver did not answer as is due")]
    NoAnswer,
    /// It refused.
    #[error("the receiver refused with status {0:#06x}")]
    Refused(u16),
    /// It took too long.
    #[error("the receiver took longer than {} s", .0.as_secs())]
    Stalled(Duration),
}

/// Tells it, within `limit`.
pub(crate) async fn tell(waiting: &WaitingResult, limit: Duration) -> Result<(), TellError> {
    let telling = async {
        let broken = |error| TellError::Broken(Box::new(error));
        let options = ClientAssociationOptions::new()
            .calling_ae_title(waiting.own_ae.as_str())
            .called_ae_title(waiting.receiver_ae.as_str())
            .with_presentation_context(COMMITMENT, vec![EXPLICIT, IMPLICIT])
            // Who calls is the one that commits.
            .with_role_selection(COMMITMENT, false, true);
        let mut association = options
            .establish_async(waiting.address.as_str())
            .await
            .map_err(|error| TellError::NoAssociation(Box::new(error)))?;
        match report_on(&mut association, waiting).await {
            Ok(()) => association.release().await.or(Ok(())),
            Err(error) => {
                association.abort().await.map_err(broken)?;
                Err(error)
            }
        }
    };
    timeout(limit, telling).await.unwrap_or(Err(TellError::Stalled(limit)))
}

async fn report_on(association: &mut Association, waiting: &WaitingResult) -> Result<(), TellError> {
    let broken = |error| TellError::Broken(Box::new(error));
    let contexts = association.presentation_contexts();
    let accepted = |context: &&_| -> bool {
        let context: &dicom_ul::pdu::PresentationContextNegotiated = context;
        context.reason == PresentationContextResultReason::Acceptance
    };
    let context = contexts.iter().find(accepted).ok_or(TellError::NotTaken)?;
    let (id, is_explicit) = (context.id, unpadded(&context.transfer_syntax) == EXPLICIT);
    let command = event_report(MESSAGE_ID, waiting.result.failed.is_empty());
    let data_set = report(&waiting.result, is_explicit);
    for (value_type, bytes) in [(PDataValueType::Command, command), (PDataValueType::Data, data_set)] {
        let mut pieces = bytes.chunks(PIECE).peekable();
        while let Some(piece) = pieces.next() {
            let (value_type, is_last) = (value_type.clone(), pieces.peek().is_none());
            let value = PDataValue { presentation_context_id: id, value_type, is_last, data: piece.to_vec() };
            association.send(&Pdu::PData { data: vec![value] }).await.map_err(broken)?;
        }
    }
    let answer = receive_command(association).await?;
    match (answer.kind(), answer.status) {
        (CommandKind::Answer, Some(SUCCESS)) => Ok(()),
        (CommandKind::Answer, Some(status)) => Err(TellError::Refused(status)),
        _ => Err(TellError::NoAnswer),
    }
}

async fn receive_command(association: &mut Association) -> Result<Command, TellError> {
    let mut bytes = Vec::new();
    loop {
        let came = association.receive().await.map_err(|error| TellError::Broken(Box::new(error)))?;
        let Pdu::PData { data } = came else { return Err(TellError::NoAnswer) };
        for value in data {
            if value.value_type != PDataValueType::Command || bytes.len() + value.data.len() > COMMAND_MAX {
                return Err(TellError::NoAnswer);
            }
            bytes.extend_from_slice(&value.data);
            if value.is_last {
                return Command::read(&bytes).ok_or(TellError::NoAnswer);
            }
        }
    }
}
