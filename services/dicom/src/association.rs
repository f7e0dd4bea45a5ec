//! One association, from its request to its end: what comes is understood, handed on and answered, one message after the other.

mod committing;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dicom_ul::pdu::{AssociationRJ, PDataValueType, Pdu};
use hilum_events::ImageSource;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::callers::{Caller, Recognised, recognise};
use crate::command::{COMMAND_MAX, Command, CommandKind};
use crate::data_set::DataSet;
use crate::door::{Door, Sent, source};
use crate::entities::Certificate;
use crate::framing::{DataValue, Incoming};
use crate::negotiation::{Agreement, Context, agree, check, full, turned_away};
use crate::outcome::{SUCCESS, StoreOutcome, UNRECOGNISED_OPERATION};
use crate::waiting::Waiting;
use crate::wire::{AssociationError, Wire};

/// How long a sender has that says nothing when the service is to stop.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    /// What it showed.
    pub(crate) certificate: Option<Certificate>,
}

/// How an association ended, in a word for metrics.
type Ending = &'static str;

/// An association that was agreed on.
struct Association<'a> {
    door: &'a Door,
    wire: &'a mut Wire,
    agreement: Agreement,
    from: Recognised,
    source: ImageSource,
    /// The message by which a result of storage commitment was told, and that was not answered yet.
    told: Option<u16>,
    stopping: &'a CancellationToken,
}

/// Counts an association among those under way, until it is dropped.
struct Counted;

impl Counted {
    fn begin() -> Self {
        metrics::gauge!("hilum_dicom_associations").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("hilum_dicom_associations").decrement(1.0);
    }
}

/// A whole command and its context.
struct Message {
    context_id: u8,
    command: Command,
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    door: &Arc<Door>,
    wire: &mut Wire,
    origin: Origin,
    (waiting, stopping): (Waiting, &CancellationToken),
) {
    let ending = match converse(door, wire, origin, waiting, stopping).await {
        Ok(ending) => ending,
        Err(fault) => {
            tracing::debug!(error = &fault as &dyn std::error::Error, "connection ended");
            wire.abort(&fault).await;
            fault.word()
        }
    };
    metrics::counter!("hilum_dicom_associations_total", "ending" => ending).increment(1);
}

async fn converse(
    door: &Arc<Door>,
    wire: &mut Wire,
    origin: Origin,
    waiting: Waiting,
    stopping: &CancellationToken,
) -> Result<Ending, AssociationError> {
    let request = match wire.next_until(waiting.deadline(), door.limits.request).await? {
        Incoming::Request(request) => request,
        _ => return Err(AssociationError::Unexpected("the first word was no request for an association")),
    };
    if let Err(rejection) = check(&request) {
        return reject(door, wire, rejection, "not-understood").await;
    }
    let caller = Caller {
        called_ae: request.called_ae_title.trim(),
        calling_ae: request.calling_ae_title.trim(),
        address: origin.address,
        certificate: origin.certificate,
    };
    let from = match recognise(&door.entities, &caller) {
        Ok(from) => from,
        Err(stranger) => {
            let (why, advice) = (stranger.word(), stranger.advice());
            tracing::info!(why, advice, address = %origin.address, "association refused");
            return reject(door, wire, turned_away(stranger), why).await;
        }
    };
    let Ok(place) = door.places.try_acquire() else {
        tracing::info!(
            "association refused: there are as many as there may be (HILUM_DICOM_ASSOCIATIONS_MAX)"
        );
        return reject(door, wire, full(), "full").await;
    };
    waiting.ended();
    let counted = Counted::begin();
    let agreement = agree(request, door.limits.pdu_max);
    wire.send(&Pdu::AssociationAC(agreement.answer.clone()), door.limits.silence).await?;
    let id = Uuid::now_v7();
    let called_ae = &*from.entity.title;
    let span = tracing::info_span!("association", %id, called_ae, sender = from.sender.as_deref());
    let source = source(&from, origin.address, id);
    let mut association = Association { door, wire, agreement, from, source, told: None, stopping };
    let ended = association.run().instrument(span.clone()).await;
    if association.told.is_some() {
        metrics::counter!("hilum_dicom_commitment_results_total", "outcome" => "unanswered").increment(1);
    }
    if let Err(fault) = &ended {
        span.in_scope(|| tracing::info!(error = fault as &dyn std::error::Error, "association broken"));
    }
    ended?;
    // It has ended; what follows is of the connection alone.
    drop((place, counted));
    wire.close().await;
    Ok("released")
}

async fn reject(
    door: &Door,
    wire: &mut Wire,
    rejection: AssociationRJ,
    why: &'static str,
) -> Result<Ending, AssociationError> {
    wire.send(&Pdu::AssociationRJ(rejection), door.limits.silence).await?;
    wire.close().await;
    Ok(why)
}

impl Association<'_> {
    /// Answers what comes until the sender ends.
    async fn run(&mut self) -> Result<(), AssociationError> {
        tracing::debug!(contexts = self.agreement.contexts.len(), "association begun");
        while let Some(message) = self.next_message().await? {
            self.handle(message).await?;
        }
        self.wire.send(&Pdu::ReleaseRP, self.door.limits.silence).await
    }

    /// The next command; `None` when the sender wants to end.
    async fn next_message(&mut self) -> Result<Option<Message>, AssociationError> {
        let (mut bytes, mut context_id) = (Vec::new(), None);
        loop {
            let incoming = match context_id {
                None => self.first_piece().await?,
                Some(_) => self.wire.next(self.door.limits.silence).await?,
            };
            let value = match incoming {
                Incoming::Value(value) if value.is_command => value,
                Incoming::ReleaseRequest if context_id.is_none() => return Ok(None),
                _ => return Err(AssociationError::Unexpected("something came where a command was due")),
            };
            let DataValue { context, is_last, bytes: piece, .. } = value;
            if *context_id.get_or_insert(context) != context || bytes.len() + piece.len() > COMMAND_MAX {
                return Err(AssociationError::Unexpected("a command that changes its context or has no end"));
            }
            bytes.extend_from_slice(&piece);
            if is_last {
                let command =
                    Command::read(&bytes).ok_or(AssociationError::Unexpected("a command that is none"))?;
                return Ok(Some(Message { context_id: context, command }));
            }
        }
    }

    /// What a message begins with. A service that is to stop waits for it no more than a moment.
    async fn first_piece(&mut self) -> Result<Incoming, AssociationError> {
        let stopped = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        tokio::select! {
            biased;
            incoming = self.wire.next(self.door.limits.idle) => incoming,
            () = stopped => Err(AssociationError::Stopping),
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), AssociationError> {
        let Message { context_id, command } = message;
        let unknown = AssociationError::Unexpected("a command in a context that was not agreed on");
        let context = self.agreement.contexts.get(&context_id).cloned().ok_or(unknown)?;
        match command.kind() {
            CommandKind::Store => self.store(context_id, &context, &command).await,
            CommandKind::Echo => self.answer(context_id, &command, SUCCESS, "").await,
            CommandKind::Action => self.commit(context_id, &context, &command).await,
            // Nothing here takes so long that it could be called off.
            CommandKind::Cancel => Ok(()),
            CommandKind::Answer => {
                self.drain(context_id, &command).await?;
                self.heard(&command);
                Ok(())
            }
            CommandKind::Other => {
                self.drain(context_id, &command).await?;
                let comment = "only C-STORE, C-ECHO and storage commitment";
                self.answer(context_id, &command, UNRECOGNISED_OPERATION, comment).await
            }
        }
    }

    async fn store(
        &mut self,
        context_id: u8,
        context: &Context,
        command: &Command,
    ) -> Result<(), AssociationError> {
        let begun = Instant::now();
        let silence = self.door.limits.silence;
        let mut data_set = DataSet::new(self.wire, context_id, silence, command.has_data_set);
        let sent = Sent { from: &self.from, command, context, source: &self.source };
        let span = tracing::info_span!("object", otel.kind = "server");
        let outcome = self.door.take_in(&sent, &mut data_set).instrument(span).await;
        let bytes = data_set.drain().await?;
        let word = outcome.word();
        metrics::counter!("hilum_dicom_objects_total", "outcome" => word).increment(1);
        metrics::counter!("hilum_dicom_bytes_total").increment(bytes);
        metrics::histogram!("hilum_dicom_store_seconds").record(begun.elapsed());
        match &outcome {
            StoreOutcome::Ignored { reason } => {
                tracing::info!(reason = &**reason, "object ignored: it is not for the model");
            }
            _ => tracing::debug!(outcome = word, "object answered"),
        }
        let (status, comment) = outcome.answer();
        self.answer(context_id, command, status, comment).await
    }

    async fn drain(&mut self, context_id: u8, command: &Command) -> Result<(), AssociationError> {
        let silence = self.door.limits.silence;
        DataSet::new(self.wire, context_id, silence, command.has_data_set).drain().await?;
        Ok(())
    }

    async fn answer(
        &mut self,
        context_id: u8,
        command: &Command,
        status: u16,
        comment: &str,
    ) -> Result<(), AssociationError> {
        let answer = command.answer(status, comment);
        let (pdu_max, silence) = (self.agreement.pdu_max, self.door.limits.silence);
        self.wire.send_pieces((context_id, PDataValueType::Command), &answer, pdu_max, silence).await
    }
}
