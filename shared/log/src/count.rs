//! How many facts stand under a filter. The server walks what fits: ask of a study or a reading, never of a site.

use async_nats::jetstream::stream::Stream;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;

use crate::connection::{Log, UnavailableError};

impl Log {
    /// How many subjects under `filter` have a fact: each fact has a subject of its own.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn count<'a>(&'a self, filter: &'a str) -> BoxFuture<'a, Result<u64, UnavailableError>> {
        Box::pin(async move {
            let stream: Stream = self.events().await?;
            let failed = "count facts";
            let subjects = stream.info_with_subjects(filter).await.map_err(UnavailableError::new(failed))?;
            subjects
                .try_fold(0, |count, _| std::future::ready(Ok(count + 1)))
                .await
                .map_err(UnavailableError::new(failed))
        })
    }
}
