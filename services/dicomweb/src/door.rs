//! What an object passes that came in a store transaction: the intake, and what the address of the request says of it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use hilum_events::ImageSource;
use hilum_headers::HeaderValue;
use hilum_imaging::Inspected;
use hilum_intake::{Intake, NOT_UNDERSTOOD, ObjectNames, Refusal, StagedImage, Upload, Wishes};

use crate::callers::{Callers, Sender};
use crate::outcome::{Failure, OTHER_STUDY, Outcome};

/// How long an object waits for a slot: its sender may fail the whole request when one is refused.
const SLOT_PATIENCE: Duration = Duration::from_secs(10);

/// Where store transactions come in.
pub struct Door {
    pub(crate) intake: Intake,
    pub(crate) callers: Callers,
    /// Objects in one request.
    pub(crate) parts_max: u32,
}

/// What all objects of a request have in common.
pub(crate) struct Shared {
    pub(crate) sender: Arc<Sender>,
    /// How they came.
    pub(crate) source: ImageSource,
    /// The study that the address names.
    pub(crate) study: Option<String>,
}

/// An object that was refused, and what could be read of it.
struct Refused {
    names: Option<ObjectNames>,
    refusal: Refusal,
}

impl Door {
    /// Prepares the door.
    pub fn new(intake: Intake, callers: Callers, parts_max: u32) -> Self {
        Self { intake, callers, parts_max }
    }

    /// Takes the bytes of an object in. The rest of the stream is not read when it is refused.
    pub(crate) async fn receive<S, E>(&self, shared: &Shared, bytes: S) -> Result<StagedImage, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let received = async {
            self.intake.check_open()?;
            let Sender { priority, site, .. } = &*shared.sender;
            let admitted = self.intake.admit_within(SLOT_PATIENCE, &shared.source, (*priority, site)).await?;
            self.intake.receive(admitted, bytes).await
        };
        let received = received.await;
        self.intake.gate.note(&received);
        received.map_err(|refusal| {
            refusal.note();
            Failure::of_refusal(&refusal)
        })
    }

    /// Looks at an object that came, and makes it durable.
    pub(crate) async fn settle(&self, shared: &Shared, staged: StagedImage) -> Outcome {
        match self.store(shared, staged).await {
            Ok(outcome) => {
                self.intake.gate.note(&Ok(()));
                outcome
            }
            Err(Refused { names, refusal }) => {
                refusal.note();
                let failure = Failure { names, ..Failure::of_refusal(&refusal) };
                self.intake.gate.note::<()>(&Err(refusal));
                Outcome::Failed(failure)
            }
        }
    }

    async fn store(&self, shared: &Shared, mut staged: StagedImage) -> Result<Outcome, Refused> {
        let looked_at = match self.intake.inspect(&mut staged).await {
            Ok(inspected) => inspected.map(named),
            Err(refusal) => {
                let names = self.intake.names(&staged).await;
                self.intake.discard(staged).await;
                return Err(Refused { names, refusal });
            }
        };
        let Some((names, study)) = looked_at else {
            self.intake.discard(staged).await;
            return Ok(Outcome::Failed(Failure::of(
                NOT_UNDERSTOOD,
                "unsupported-type",
                "it is no DICOM object",
            )));
        };
        if shared.study.as_ref().is_some_and(|wanted| *wanted != study) {
            self.intake.discard(staged).await;
            let failure = Failure::of(OTHER_STUDY, "other-study", "it is not of the study in the address");
            return Ok(Outcome::Failed(Failure { names: Some(names), ..failure }));
        }
        let Sender { site, priority, .. } = &*shared.sender;
        let wishes = Wishes { site: site.clone(), priority: *priority, ..Wishes::default() };
        let stored = self.intake.store(staged, Upload { wishes, job_id: None }).await;
        match stored {
            Ok(_) => Ok(Outcome::Stored { names }),
            Err(refusal) => Err(Refused { names: Some(names), refusal }),
        }
    }
}

/// What identifies an object, and its study.
fn named(inspected: &Inspected) -> (ObjectNames, String) {
    let sop_class = match &inspected.series.image.sop_class_uid {
        HeaderValue::Text(class) => unpadded(class),
        HeaderValue::Absent | HeaderValue::Unreadable => String::new(),
    };
    let identity = &inspected.identity;
    let names = ObjectNames { sop_class, sop_instance: unpadded(&identity.sop_instance_uid) };
    (names, unpadded(&identity.study_instance_uid))
}

/// The identifier without its padding.
fn unpadded(uid: &str) -> String {
    uid.trim_matches([' ', '\0']).to_owned()
}
