//! Storage commitment on an association: a request is looked up and answered, and its result told, here or on an association of
//! its own.

use dicom_ul::pdu::PDataValueType;
use hilum_log::{CommitmentResult, WaitingResult};

use super::Association;
use crate::callers::Recognised;
use crate::command::{Command, event_report};
use crate::commitment::{
    CommitmentRequest, INVALID_ARGUMENT, NO_SUCH_ACTION, PROCESSING_FAILURE, REQUEST_MAX,
    RESOURCE_LIMITATION, report,
};
use crate::data_set::DataSet;
use crate::door::Door;
use crate::negotiation::Context;
use crate::outcome::{NO_SUCH_CLASS, SUCCESS};
use crate::uid::{COMMITMENT, EXPLICIT};
use crate::wire::AssociationError;

/// Action Type ID of a request for commitment.
const REQUEST_COMMITMENT: u16 = 1;

/// What a request is answered that leads to no result: status and comment.
type Declined = (u16, &'static str);

impl Association<'_> {
    /// Answers a request for storage commitment.
    pub(super) async fn commit(
        &mut self,
        context_id: u8,
        context: &Context,
        command: &Command,
    ) -> Result<(), AssociationError> {
        let silence = self.door.limits.silence;
        let mut data_set = DataSet::new(self.wire, context_id, silence, command.has_data_set);
        let bytes = data_set.whole(REQUEST_MAX).await?;
        data_set.drain().await?;
        let is_explicit = context.transfer_syntax == EXPLICIT;
        let result = match requested(context, command, bytes.as_deref()) {
            Ok(request) => settle(self.door, &self.from, request).await,
            Err(declined) => Err(declined),
        };
        let outcome = if result.is_ok() { "looked-up" } else { "declined" };
        metrics::counter!("hilum_dicom_commitments_total", "outcome" => outcome).increment(1);
        match result {
            Ok(None) => self.answer(context_id, command, SUCCESS, "").await,
            Ok(Some(result)) => {
                self.answer(context_id, command, SUCCESS, "").await?;
                self.tell(context_id, &result, is_explicit).await
            }
            Err((status, comment)) => self.answer(context_id, command, status, comment).await,
        }
    }

    async fn tell(
        &mut self,
        context_id: u8,
        result: &CommitmentResult,
        is_explicit: bool,
    ) -> Result<(), AssociationError> {
        let message_id = self.told.map_or(1, |last| last.wrapping_add(1));
        let (pdu_max, silence) = (self.agreement.pdu_max, self.door.limits.silence);
        let event = event_report(message_id, result.failed.is_empty());
        let pieces = (context_id, PDataValueType::Command);
        self.wire.send_pieces(pieces, &event, pdu_max, silence).await?;
        let pieces = (context_id, PDataValueType::Data);
        self.wire.send_pieces(pieces, &report(result, is_explicit), pdu_max, silence).await?;
        self.told = Some(message_id);
        Ok(())
    }

    /// Takes note of the answer to a result that was told here.
    pub(super) fn heard(&mut self, answer: &Command) {
        if self.told.take_if(|message_id| *message_id == answer.message_id).is_some() {
            let outcome = if answer.status == Some(SUCCESS) { "told" } else { "refused" };
            metrics::counter!("hilum_dicom_commitment_results_total", "outcome" => outcome).increment(1);
        }
    }
}

fn away(error: impl std::error::Error + 'static) -> Declined {
    tracing::warn!(error = &error as &dyn std::error::Error, "no storage commitment now");
    (RESOURCE_LIMITATION, "log or storage is away; ask again shortly")
}

/// Looks up what is asked for; the result, unless it waits to be told on an association of its own.
async fn settle(
    door: &Door,
    from: &Recognised,
    request: CommitmentRequest,
) -> Result<Option<CommitmentResult>, Declined> {
    let result = door.held.look_up(&from.entity.site, request).await;
    let result = result.map_err(away)?;
    tracing::info!(held = result.held.len(), not_held = result.failed.len(), "storage commitment");
    let Some((address, receiver_ae)) = from.commit_to.clone().zip(from.sender.clone()) else {
        return Ok(Some(result));
    };
    let own_ae = from.entity.title.clone();
    let waiting = WaitingResult { address, receiver_ae, own_ae, result };
    door.results.put(&waiting).await.map_err(away)?;
    Ok(None)
}

/// What is asked for; or why that is none.
fn requested(
    context: &Context,
    command: &Command,
    bytes: Option<&[u8]>,
) -> Result<CommitmentRequest, Declined> {
    if context.abstract_syntax != COMMITMENT || command.sop_class != COMMITMENT {
        return Err((NO_SUCH_CLASS, "N-ACTION is for storage commitment only"));
    }
    if command.action != Some(REQUEST_COMMITMENT) {
        return Err((NO_SUCH_ACTION, "the action must be 1"));
    }
    let bytes = bytes.ok_or((PROCESSING_FAILURE, "ask for fewer instances at a time"))?;
    let unusable = (INVALID_ARGUMENT, "no transaction UID, no instances, or more than 10000");
    CommitmentRequest::read(bytes, context.transfer_syntax == EXPLICIT).ok_or(unusable)
}
