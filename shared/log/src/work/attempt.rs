//! One try at a message, not counted while something that it needs is away.

use std::error::Error;

use super::handle::{AnyHandle, Failure, WorkItem};
use super::settler::{InHand, Settler};
use super::waits::LOOK_AGAIN;
use crate::port::AppendError;

/// Workers that took a message and were not heard of again.
#[derive(Debug, thiserror::Error)]
#[error("{workers} workers took this and ended or hung before they answered")]
struct UnansweredError {
    workers: u64,
}

impl Settler {
    /// One try: the handler's answer, or that of the workers that never gave one.
    pub(super) async fn try_to_handle(
        &self,
        handler: &dyn AnyHandle,
        in_hand: &InHand,
    ) -> Result<(), Failure> {
        let envelope = in_hand.recorded.content.clone().map_err(|error| Failure::Park(error.into()))?;
        if in_hand.deliveries > self.config.max_unanswered {
            let error = UnansweredError { workers: in_hand.deliveries - 1 };
            return Err(Failure::Park(error.into()));
        }
        let item = WorkItem { recorded: in_hand.recorded.clone(), envelope, deliveries: in_hand.deliveries };
        self.handle_while_away(handler, &item).await
    }

    /// A try that fails while something it needs is away says nothing about the message: it is kept in hand and
    /// tried again when that is back. No further messages are taken meanwhile, for the hands are full.
    async fn handle_while_away(&self, handler: &dyn AnyHandle, item: &WorkItem) -> Result<(), Failure> {
        let mut looks = 1;
        loop {
            let limit = self.config.handle_limit;
            let done = self.log.within(limit, handler.handle(item)).await;
            let error = match done {
                Some(Err(Failure::Retry(error))) => error,
                Some(done) => return done,
                None => format!("took longer than {limit:?}").into(),
            };
            if !cannot_write(&*error) && self.needs(handler).await.is_ok() {
                return Err(Failure::Retry(error));
            }
            tracing::debug!(error = &*error as &dyn Error, "kept in hand until what it needs is back");
            loop {
                looks += 1;
                self.log.pause_before(LOOK_AGAIN, looks).await;
                if self.needs(handler).await.is_ok() {
                    break;
                }
            }
        }
    }

    async fn needs(&self, handler: &dyn AnyHandle) -> Result<(), String> {
        self.log.answers().await?;
        handler.needs().await
    }
}

/// The log answers questions but takes no facts, as with a full disk.
fn cannot_write(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref().is_some_and(AppendError::passes)
}
