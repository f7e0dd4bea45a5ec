//! An object that a store tells of by HTTP is taken in while the store waits, if there is a place for it: that spares the queue. What
//! does not end well, or soon, goes into the queue like any other. Doing both is harmless: they are one job.

use std::sync::Arc;
use std::time::Duration;

use hilum_log::Notification;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::object::{Handed, ObjectTaker};
use crate::watches::{Watched, Watches};

/// So long a store waits; MinIO gives up after 5 s, SNS after 15.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Takes objects in at once. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AtOnce {
    taker: ObjectTaker,
    watches: Arc<Watches>,
    places: Arc<Semaphore>,
}

impl AtOnce {
    /// So many at a time.
    pub(crate) fn new(taker: ObjectTaker, watches: Arc<Watches>, places: usize) -> Self {
        Self { taker, watches, places: Arc::new(Semaphore::new(places)) }
    }

    /// Takes the object in, if it can be done soon; whether it is settled.
    pub(crate) async fn take(&self, notification: &Notification) -> bool {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return false };
        let (at_once, notification) = (self.clone(), notification.clone());
        let taking = async move {
            let Watched::By(watch) = at_once.watches.watching(&notification.bucket, &notification.key) else {
                return false;
            };
            let transfer = Uuid::now_v7().to_string();
            let handed = Handed { notification: &notification, deliveries: 0, transfer: &transfer };
            let taken = at_once.taker.take(watch, handed).await;
            drop(place);
            taken.is_ok()
        };
        // In a task of its own it comes to its end when the store does not wait so long.
        let taking = tokio::spawn(taking.in_current_span());
        matches!(timeout(WAIT_MAX, taking).await, Ok(Ok(true)))
    }
}
