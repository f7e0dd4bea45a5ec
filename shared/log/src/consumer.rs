//! Durable consumers that a service makes for itself, from its settings rather than from `streams/`, and reading all
//! facts under a few filters.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use futures::future::BoxFuture;

use crate::connection::{Log, UnavailableError};
use crate::definition::{ConsumerDefinition, EVENTS, RETRIES, retry_consumer};
use crate::recorded::Recorded;

/// What became of a consumer that had to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made: facts that are appended from now on are its work.
    Made,
    /// It was there and goes on where it was.
    Found,
}

impl Log {
    /// Makes the durable consumer of `definition` and the one for its retries, unless they are there; brings what is there
    /// to the definition. A new one begins with what is appended from now on: the log may hold years.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub fn ensure_consumer<'a>(
        &'a self,
        definition: &'a ConsumerDefinition,
    ) -> BoxFuture<'a, Result<Ensured, UnavailableError>> {
        Box::pin(async move {
            let retries = ConsumerDefinition {
                name: retry_consumer(&definition.name),
                filter_subjects: vec![format!("retry.due.{}.>", definition.name)],
                ..definition.clone()
            };
            // The retries first: who finds the consumer finds both.
            let ensured = match self.ensure(RETRIES, &retries, DeliverPolicy::All).await {
                Ok(_) => self.ensure(EVENTS, definition, DeliverPolicy::New).await,
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
        begin: DeliverPolicy,
    ) -> Result<Ensured, UnavailableError> {
        let stream = self.context.get_stream(stream).await;
        let stream = stream.map_err(UnavailableError::new("open a stream"))?;
        let wanted = definition.named(definition.name.clone(), definition.filter_subjects.clone());
        let wanted = pull::Config { deliver_policy: begin, ..wanted };
        match stream.consumer_info(&definition.name).await {
            Ok(found) => {
                // Where it began can't be changed, and must not.
                let deliver_policy = found.config.deliver_policy;
                let updated = stream.update_consumer(pull::Config { deliver_policy, ..wanted }).await;
                updated.map_err(UnavailableError::new("update a consumer"))?;
                Ok(Ensured::Found)
            }
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
                let made = stream.create_consumer_strict(wanted).await;
                made.map_err(UnavailableError::new("create a consumer"))?;
                Ok(Ensured::Made)
            }
            Err(error) => Err(UnavailableError::new("look for a consumer")(error)),
        }
    }

    /// All facts under `filters` that stand in the log now, in its order.
    ///
    /// # Errors
    /// When the server is away.
    pub fn all_under<'a>(
        &'a self,
        filters: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Recorded>, UnavailableError>> {
        Box::pin(async move {
            let mut last_seq = 0;
            for filter in filters {
                last_seq = last_seq.max(self.last(filter).await?.map_or(0, |recorded| recorded.seq));
            }
            let mut found = Vec::new();
            let mut follower = self.follow(0, filters);
            while found.last().map_or(0, |recorded: &Recorded| recorded.seq) < last_seq {
                found.push(follower.next().await);
            }
            found.retain(|recorded| recorded.seq <= last_seq);
            Ok(found)
        })
    }
}
