//! What an object passes that came by C-STORE: the intake, and what the title it was sent to says of it.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use hilum_events::{ImageSource, JobId, Way};
use hilum_headers::HeaderValue;
use hilum_intake::{Intake, NOT_UNDERSTOOD, Refusal, StagedImage, Upload, Wishes};
use hilum_log::InstanceReference;
use hilum_models::{HeaderRule, ModelFolder, Verdict, objections};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::callers::Recognised;
use crate::command::Command;
use crate::commitment::{Held, Results};
use crate::config::Config;
use crate::data_set::DataSet;
use crate::entities::{Entities, Other};
use crate::negotiation::Context;
use crate::outcome::{DOES_NOT_MATCH, INVALID_INSTANCE, NO_SUCH_CLASS, SentAs, StoreOutcome};
use crate::part10::{ObjectNames, beginning};
use crate::uid::{is_uid, unpadded};

/// How long an object waits for a slot: a sender that is refused may fail its whole study.
const SLOT_PATIENCE: Duration = Duration::from_secs(10);

/// What senders may leave undone, and how much they may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest PDU of data, bytes.
    pub(crate) pdu_max: u32,
    /// From the connection to the request for an association.
    pub(crate) request: Duration,
    /// For each PDU within a message.
    pub(crate) silence: Duration,
    /// Between two messages.
    pub(crate) idle: Duration,
}

/// What all associations share.
pub struct Door {
    intake: Intake,
    pub(crate) entities: Entities,
    /// What the model says it was made for; nothing where it is not known.
    rules: Vec<HeaderRule>,
    pub(crate) limits: Limits,
    /// For associations.
    pub(crate) places: Arc<Semaphore>,
    /// What was told stored.
    pub(crate) held: Held,
    /// Results of storage commitment that are to be told.
    pub(crate) results: Results,
}

/// An object and who sent it.
pub(crate) struct Sent<'a> {
    pub(crate) from: &'a Recognised,
    /// The request to store it.
    pub(crate) command: &'a Command,
    /// What was agreed on for it.
    pub(crate) context: &'a Context,
    /// How it came.
    pub(crate) source: &'a ImageSource,
}

impl Door {
    /// Prepares the door.
    pub fn new(config: &Config, entities: Entities, intake: Intake) -> Self {
        // A model that can't be used is told of by the intake.
        let model = config.intake.model.as_deref().and_then(|folder| ModelFolder::open(folder).ok());
        let rules = model.map(|model| model.manifest().header_rules.clone()).unwrap_or_default();
        let limits = Limits {
            pdu_max: config.pdu_max_bytes,
            request: Duration::from_secs(config.request_limit_s),
            silence: config.service.silence_limit(),
            idle: Duration::from_secs(config.idle_limit_s),
        };
        Self {
            held: Held::new(intake.log.clone(), intake.store.clone()),
            results: Results::new(intake.log.clone()),
            intake,
            entities,
            rules,
            limits,
            places: Arc::new(Semaphore::new(config.associations_max.max(1))),
        }
    }

    /// Takes in an object. What is left of its data set is not read.
    pub(crate) async fn take_in(&self, sent: &Sent<'_>, data_set: &mut DataSet<'_>) -> StoreOutcome {
        let Sent { from, command, context, .. } = sent;
        if command.sop_class != context.abstract_syntax {
            return StoreOutcome::refused(
                NO_SUCH_CLASS,
                "not of the SOP class of its context",
                "other-class",
            );
        }
        if !is_uid(&command.sop_instance) {
            return StoreOutcome::refused(
                INVALID_INSTANCE,
                "the SOP instance UID is none",
                "invalid-instance",
            );
        }
        if !command.has_data_set {
            return StoreOutcome::refused(NOT_UNDERSTOOD, "there is no data set", "no-data-set");
        }
        let is_image = from.entity.sop_classes.contains(&command.sop_class);
        let sent_as = if is_image { SentAs::Image } else { SentAs::Other };
        if from.entity.other == Other::Ignore && sent_as == SentAs::Other {
            return StoreOutcome::ignored("other_sop_class");
        }
        let passed = self.pass(sent, data_set).await;
        self.intake.gate.note(&passed);
        match passed {
            Ok(outcome) => outcome,
            Err(refusal) => {
                let outcome = StoreOutcome::of_refusal(&refusal, sent_as);
                // What is ignored is no refusal to anybody.
                if matches!(outcome, StoreOutcome::Refused { .. }) {
                    refusal.note();
                }
                outcome
            }
        }
    }

    async fn pass(&self, sent: &Sent<'_>, data_set: &mut DataSet<'_>) -> Result<StoreOutcome, Refusal> {
        let Sent { from, command, context, .. } = sent;
        self.intake.check_open()?;
        let of = (from.entity.priority, &from.entity.site);
        let admitted = self.intake.admit_within(SLOT_PATIENCE, sent.source, of).await?;
        let names = ObjectNames {
            sop_class: &command.sop_class,
            sop_instance: &command.sop_instance,
            transfer_syntax: &context.transfer_syntax,
        };
        let beginning = stream::once(std::future::ready(Ok(beginning(&names))));
        let mut staged = self.intake.receive(admitted, beginning.chain(data_set.pieces())).await?;
        if data_set.bytes == 0 {
            self.intake.discard(staged).await;
            return Ok(StoreOutcome::refused(NOT_UNDERSTOOD, "the data set is empty", "no-data-set"));
        }
        match self.look(sent, &mut staged).await {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                self.intake.discard(staged).await;
                return Ok(outcome);
            }
            Err(refusal) => {
                self.intake.discard(staged).await;
                return Err(refusal);
            }
        }
        let entity = &from.entity;
        let wishes = Wishes { site: entity.site.clone(), priority: entity.priority, ..Wishes::default() };
        let job_id = JobId::from_uuid(Uuid::now_v7());
        let instance = InstanceReference {
            sop_class: command.sop_class.clone(),
            sop_instance: command.sop_instance.clone(),
        };
        let (stored, noted) = tokio::join!(
            self.intake.store(staged, Upload { wishes, job_id: Some(job_id) }),
            self.held.note(&entity.site, instance, job_id),
        );
        stored?;
        if let Err(error) = noted {
            // It is stored all the same; asked for its commitment, the door will not know of it.
            tracing::warn!(error = &error as &dyn std::error::Error, %job_id, "an instance is not noted as held");
        }
        Ok(StoreOutcome::Stored)
    }

    /// Looks whether its header says what its sender said, and whether it is for the model. `None`: it is to be stored.
    async fn look(&self, sent: &Sent<'_>, staged: &mut StagedImage) -> Result<Option<StoreOutcome>, Refusal> {
        let Sent { from, command, .. } = sent;
        let is_kept =
            |refusal: &Refusal| from.entity.other == Other::Keep && refusal.not_for_models().is_some();
        let refused = self.intake.inspect(staged).await.err();
        let inspected = match refused {
            Some(refusal) if is_kept(&refusal) => {
                self.intake.identify_unread(staged).await.map_err(|_| refusal)?
            }
            Some(refusal) => return Err(refusal),
            None => match self.intake.inspect(staged).await? {
                Some(inspected) => inspected,
                None => return Ok(None),
            },
        };
        let header = &inspected.series.image;
        if unpadded(&inspected.identity.sop_instance_uid) != command.sop_instance {
            let comment = "the data set has another SOP instance UID";
            return Ok(Some(StoreOutcome::refused(DOES_NOT_MATCH, comment, "other-instance")));
        }
        let has_class = match &header.sop_class_uid {
            HeaderValue::Absent => true,
            HeaderValue::Text(class) => unpadded(class) == command.sop_class,
            HeaderValue::Unreadable => false,
        };
        if !has_class {
            let comment = "the data set has another SOP class UID";
            return Ok(Some(StoreOutcome::refused(DOES_NOT_MATCH, comment, "other-class")));
        }
        if from.entity.other == Other::Keep {
            return Ok(None);
        }
        let objections = objections(&self.rules, header);
        let refused = objections.iter().find(|objection| objection.verdict == Verdict::Refuse);
        Ok(refused.map(|objection| StoreOutcome::ignored(objection.code)))
    }
}

/// How the objects of an association came.
pub(crate) fn source(from: &Recognised, address: std::net::IpAddr, association: uuid::Uuid) -> ImageSource {
    ImageSource {
        sender: from.sender.clone(),
        peer: Some(address.to_string()),
        transfer: Some(association.to_string()),
        ..ImageSource::by(Way::Dicom)
    }
}
