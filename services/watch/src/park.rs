//! Keeping what is given up, where an operator finds it.

use hilum_events::JobId;
use hilum_log::{
    Log, Notification, ParkedNotification, UnavailableError, encoded, parked_notification_subject,
};
use jiff::Timestamp;

/// Of a body in which no object can be found so much is kept, bytes.
const BODY_MOST: usize = 16 << 10;

/// Something that is given up, and why.
#[derive(Debug)]
pub(crate) struct GivenUp {
    /// The job, if the object is known; else an id of what came.
    pub id: JobId,
    /// The watch, if it is of one.
    pub watch: Option<String>,
    /// Why. It names no key.
    pub reason: String,
    /// How often it was tried.
    pub tries: u64,
}

impl GivenUp {
    /// Keeps an object; durable when this returns.
    pub(crate) async fn keep(self, log: &Log, notification: Notification) -> Result<(), UnavailableError> {
        self.write(log, Some(notification), String::new()).await
    }

    /// Keeps the begin of a body; durable when this returns.
    pub(crate) async fn keep_body(self, log: &Log, body: &[u8]) -> Result<(), UnavailableError> {
        let begin = body.get(..BODY_MOST).unwrap_or(body);
        self.write(log, None, String::from_utf8_lossy(begin).into_owned()).await
    }

    async fn write(
        self,
        log: &Log,
        notification: Option<Notification>,
        body: String,
    ) -> Result<(), UnavailableError> {
        let Self { id, watch, reason, tries } = self;
        tracing::error!(job_id = %id, watch, reason, tries, "given up");
        let parked_at = Timestamp::now();
        let parked = ParkedNotification { id, watch, notification, body, reason, tries, parked_at };
        log.put(&parked_notification_subject(id), encoded(&parked)).await
    }
}
