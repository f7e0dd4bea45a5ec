//! Takes stored images, claims their content in the log, links those that come later.
//!
//! The claim is the request itself: it may stand in the log once per reading, so the server decides who was
//! first, among any number of copies of this service and without a lock.

use hilum_events::{Envelope, Event, NameError};
use hilum_log::{AppendError, Delivery, Failure, Handle, Log};
use hilum_models::ModelIdentity;
use jiff::Timestamp;

use crate::domain::{Model, claim, link};

/// The handler of stored images.
pub(crate) struct Dedupe {
    log: Log,
    model: Model,
}

/// A message that this service was not meant to get.
#[derive(Debug, thiserror::Error)]
#[error("the dedupe consumer handed out {event}; apply the definitions of streams/")]
struct UnexpectedEventError {
    event: &'static str,
}

impl Dedupe {
    pub(crate) fn new(log: Log, model: &ModelIdentity) -> Result<Self, NameError> {
        Ok(Self {
            log,
            model: Model {
                identity: model.try_into()?,
                reading_key: model.reading_key().as_str().to_owned(),
            },
        })
    }
}

impl Handle for Dedupe {
    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let cause = &delivery.envelope;
        let Event::ImageStored(stored) = &cause.event else {
            return Err(Failure::Park(UnexpectedEventError { event: cause.event.name() }.into()));
        };
        let claim = Event::InferenceRequested(claim(stored, &self.model));
        match self.log.append(&cause.next(Timestamp::now(), claim)).await {
            Ok(_) => {
                metrics::counter!("hilum_dedupe_total", "decision" => "requested").increment(1);
                return Ok(());
            }
            Err(AppendError::Taken(recorded)) => {
                let Some(Envelope { event: Event::InferenceRequested(winner), .. }) = recorded.envelope()
                else {
                    return Err(AppendError::Taken(recorded).into());
                };
                if let Some(linked) = link(stored, winner) {
                    self.log.append(&cause.next(Timestamp::now(), linked)).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        metrics::counter!("hilum_dedupe_total", "decision" => "linked").increment(1);
        Ok(())
    }
}
