//! Durable consumers that a service makes for itself, from its settings rather than from `streams/`, and reading all
//! facts under a few filters.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;

use crate::connection::{Log, UnavailableError};
use crate::definition::{ConsumerDefinition, EVENTS, RETRIES, retry_consumer};
use crate::recorded::Recorded;
use crate::server::asked;
use crate::ticket_subject::due_tickets_filter;

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
    /// and `floor` says behind which position they begin: who makes one has to know, for the log may hold years, and what
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
            let retries = ConsumerDefinition {
                name: retry_consumer(&definition.name),
                filter_subjects: vec![due_tickets_filter(&definition.name)],
                ..definition.clone()
            };
            // The retries first: who finds the consumer finds both.
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
        let wanted = definition.named(definition.name.clone(), definition.filter_subjects.clone());
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

    /// All facts under `filters` that stand in the log now, in its order.
    ///
    /// # Errors
    /// When the server is away, or hands out fewer than it counts: then the log has a hole.
    pub fn all_under<'a>(
        &'a self,
        filters: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Recorded>, UnavailableError>> {
        Box::pin(async move {
            // Before all else: what is appended meanwhile only adds to what is found.
            let counted = self.count_under(filters).await?;
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
            if found.len() < counted {
                let seen = format!("the server counts {counted} and hands out {}", found.len());
                return Err(UnavailableError::new("read all facts under a filter")(seen));
            }
            Ok(found)
        })
    }

    /// How many facts the server says stand under these filters, none of which has a subject of another.
    async fn count_under(&self, filters: &[&str]) -> Result<usize, UnavailableError> {
        if let Some(server) = &self.server {
            return asked("count facts", server.count_facts(filters)).await;
        }
        let stream = self.context.get_stream_no_info(EVENTS).await;
        let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
        let mut counted = 0;
        for filter in filters {
            let subjects = stream.info_with_subjects(*filter).await;
            let subjects = subjects.map_err(UnavailableError::new("count facts"))?;
            let counts: Vec<(String, usize)> =
                subjects.try_collect().await.map_err(UnavailableError::new("count facts"))?;
            counted += counts.into_iter().map(|(_, count)| count).sum::<usize>();
        }
        Ok(counted)
    }
}
