//! Durable consumers that a service makes for itself, from its settings rather than from `streams/`.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use futures::future::BoxFuture;
use hilum_streams::{ConsumerDefinition, EVENTS, RETRIES};

use super::config::pull_config;
use crate::port::{Log, UnavailableError};

/// What became of a consumer that had to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made, and begins where it was told to.
    Made,
    /// It was there and goes on where it was.
    Found,
    /// It is not there, and nothing was said of where it begins.
    Missing,
}

impl Log {
    /// Brings the durable consumer of `definition` and the one for its retries to it, and makes them if they are not there
    /// and `floor` says behind which position they begin: whoever makes one has to know, for the log may hold years, and what
    /// stands before was done or was never meant for it.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub fn ensure_consumer<'a>(
        &'a self,
        definition: &'a ConsumerDefinition,
        floor: Option<u64>,
    ) -> BoxFuture<'a, Result<Ensured, UnavailableError>> {
        Box::pin(async move {
            let retries = definition.of_retries();
            // The retries first: whoever finds the consumer finds both.
            let ensured = match self.ensure(RETRIES, &retries, Some(DeliverPolicy::All)).await {
                Ok(_) => {
                    let behind = |floor| DeliverPolicy::ByStartSequence { start_sequence: floor + 1 };
                    self.ensure(EVENTS, definition, floor.map(behind)).await
                }
                Err(error) => Err(error),
            };
            self.standing.note("make a consumer", &ensured);
            ensured
        })
    }

    async fn ensure(
        &self,
        stream: &str,
        definition: &ConsumerDefinition,
        begin: Option<DeliverPolicy>,
    ) -> Result<Ensured, UnavailableError> {
        let stream = self.context.get_stream(stream).await;
        let stream = stream.map_err(UnavailableError::new("open a stream"))?;
        let wanted = pull_config(definition);
        match stream.consumer_info(&definition.name).await {
            Ok(found) => {
                // Where it began can't be changed, and must not.
                let deliver_policy = found.config.deliver_policy;
                let updated = stream.update_consumer(pull::Config { deliver_policy, ..wanted }).await;
                updated.map_err(UnavailableError::new("update a consumer"))?;
                Ok(Ensured::Found)
            }
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
                let Some(deliver_policy) = begin else { return Ok(Ensured::Missing) };
                let made = stream.create_consumer_strict(pull::Config { deliver_policy, ..wanted }).await;
                made.map_err(UnavailableError::new("create a consumer"))?;
                Ok(Ensured::Made)
            }
            Err(error) => Err(UnavailableError::new("look for a consumer")(error)),
        }
    }
}
