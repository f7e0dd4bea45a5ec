//! Where notifications come in, whichever way: each object that a watch wants is put in the queue, by how soon it is wanted; what
//! can't be read is kept.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_log::{Log, Notification, UnavailableError, encoded, notification_subject};

use crate::body::{Objects, UnknownBody};
use crate::identity::id_of_body;
use crate::park::GivenUp;
use crate::watches::{Watch, Watched, Watches};

/// Messages that are put in the queue at a time.
const AT_ONCE: usize = 32;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Inlet {
    log: Log,
    watches: Arc<Watches>,
}

impl Inlet {
    /// Into the queues of `log`.
    pub(crate) fn new(log: Log, watches: Arc<Watches>) -> Self {
        Self { log, watches }
    }

    /// Takes what a body tells of; all of it is durable when this returns. Harmless when repeated.
    ///
    /// # Errors
    /// When the server is away or has no room.
    pub(crate) async fn take(&self, objects: Objects, body: &[u8]) -> Result<(), UnavailableError> {
        let Objects { came, broken, ignored } = objects;
        count("ignored", ignored);
        let put = came.into_iter().map(|notification| self.put(notification));
        stream::iter(put).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        for record in broken {
            count("broken", 1);
            let id = id_of_body(body, record.number);
            let given_up = GivenUp { id, watch: None, reason: record.to_string(), tries: 1 };
            given_up.keep_body(&self.log, body).await?;
        }
        Ok(())
    }

    /// Keeps a body that is of no known form.
    ///
    /// # Errors
    /// When the server is away or has no room.
    pub(crate) async fn keep_unknown(
        &self,
        unknown: UnknownBody,
        body: &[u8],
    ) -> Result<(), UnavailableError> {
        count("broken", 1);
        let given_up =
            GivenUp { id: id_of_body(body, 0), watch: None, reason: unknown.to_string(), tries: 1 };
        given_up.keep_body(&self.log, body).await
    }

    async fn put(&self, notification: Notification) -> Result<(), UnavailableError> {
        let Notification { bucket, key, .. } = &notification;
        let watch = match self.watches.watching(bucket, key) {
            Watched::By(watch) => watch,
            other => {
                let is_watched = matches!(other, Watched::OtherSuffix);
                count(if is_watched { "other_suffix" } else { "unwatched" }, 1);
                return Ok(());
            }
        };
        self.queue(watch, &notification).await?;
        count("queued", 1);
        Ok(())
    }

    /// Puts an object of a watch in the queue; durable when this returns.
    ///
    /// # Errors
    /// When the server is away or has no room.
    pub(crate) async fn queue(
        &self,
        watch: &Watch,
        notification: &Notification,
    ) -> Result<(), UnavailableError> {
        let subject = notification_subject(watch.priority_by_key(&notification.key));
        self.log.put(&subject, encoded(notification)).await
    }
}

fn count(outcome: &'static str, records: usize) {
    metrics::counter!("hilum_watch_notifications_total", "outcome" => outcome).increment(records as u64);
}
