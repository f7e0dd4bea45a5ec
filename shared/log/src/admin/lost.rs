//! What the streams have lost that were to keep it.

use futures::future::BoxFuture;
use hilum_streams::{EVENTS, definitions};

use super::drift::Drift;
use crate::port::{Log, SealError, StreamPosition, UnavailableError};

impl Log {
    /// What the streams that keep all have lost, as far as the server knows, and nobody accepted.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn lost(&self) -> BoxFuture<'_, Result<Vec<Drift>, UnavailableError>> {
        Box::pin(async move {
            let mut lost = Vec::new();
            for definition in definitions().iter().filter(|definition| definition.keeps_all()) {
                let stream = self.context.get_stream(&definition.name).await;
                let stream = stream.map_err(UnavailableError::new("open a stream"))?;
                let found = StreamPosition::of(stream.cached_info());
                let wrong = if definition.name == EVENTS {
                    let head = self.check_head(1, &found).await.map_err(|error| match error {
                        SealError::Mismatch(other) => Ok(other.to_string()),
                        SealError::Unavailable(error) => Err(error),
                    });
                    let head = head.err().transpose()?;
                    let missing = self.check_missing(&found).await?.err().map(|error| error.to_string());
                    [head, missing]
                } else {
                    let head = (found.first_seq > 1)
                        .then(|| format!("begins at {}: what stood before was removed", found.first_seq));
                    let missing = (found.missing > 0).then(|| format!("lacks {} messages", found.missing));
                    [head, missing]
                };
                let drift = |difference| Drift { what: definition.name.clone(), difference };
                lost.extend(wrong.into_iter().flatten().map(drift));
            }
            Ok(lost)
        })
    }
}
