//! Takes notifications from their queues, the urgent ones beside the others, as many at a time as there are slots.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hilum_events::Priority;
use hilum_log::{
    NOTIFICATION_BODIES, NOTIFICATIONS, Notification, Queue, QueueConsumer, Queued, notification_subject,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::{Body, UnknownBody, read};
use crate::identity::id_of_name;
use crate::inlet::Inlet;
use crate::object::{Handed, ObjectTaker};
use crate::park::GivenUp;
use crate::setback::{Next, Setback, Story};
use crate::watches::{Watch, Watched, Watches};

/// Of each priority; those among them that wait for their next try.
const MAX_UNSETTLED: i64 = 256;
/// Bodies are short work.
const BODIES_AT_ONCE: usize = 2;
/// Before what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(2);
const OPEN_AGAIN: Duration = Duration::from_millis(500);

/// What a queue hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bodies as stores publish them.
    Body,
    /// Objects.
    Object(Priority),
}

/// Works for all queues.
pub(crate) struct Worker {
    /// Takes what a notification names.
    pub taker: ObjectTaker,
    /// Where the objects in bodies go.
    pub inlet: Inlet,
    /// What is watched.
    pub watches: Arc<Watches>,
    /// How long a store that fails is asked again.
    pub give_up_after: Duration,
    /// Objects of each priority at a time.
    pub at_once: usize,
}

impl Kind {
    fn consumer(self) -> QueueConsumer {
        let (name, filter) = match self {
            Self::Body => ("watch-bodies".to_owned(), NOTIFICATION_BODIES.to_owned()),
            Self::Object(priority) => {
                (format!("watch-{}", priority.as_str()), notification_subject(priority))
            }
        };
        QueueConsumer { stream: NOTIFICATIONS, name, filter, max_unsettled: MAX_UNSETTLED }
    }
}

impl Worker {
    /// Works until `shutdown`, then finishes what is in hand, for `drain_limit` at most.
    pub(crate) async fn run(self, shutdown: &CancellationToken, drain_limit: Duration) {
        let (worker, tasks) = (Arc::new(self), TaskTracker::new());
        let work = |kind| worker.clone().take_from(kind, tasks.clone(), shutdown.clone());
        tokio::join!(
            work(Kind::Body),
            work(Kind::Object(Priority::Stat)),
            work(Kind::Object(Priority::Routine))
        );
        tasks.close();
        if tokio::time::timeout(drain_limit, tasks.wait()).await.is_err() {
            tracing::warn!(in_hand = tasks.len(), "what is not done in time is handed out again");
        }
    }

    async fn take_from(self: Arc<Self>, kind: Kind, tasks: TaskTracker, shutdown: CancellationToken) {
        let consumer = kind.consumer();
        let slots = if kind == Kind::Body { BODIES_AT_ONCE } else { self.at_once };
        let slots = Arc::new(Semaphore::new(slots));
        let mut said = false;
        while !shutdown.is_cancelled() {
            let error = match self.taker.log.queue(&consumer).await {
                Ok(queue) => {
                    if std::mem::take(&mut said) {
                        tracing::info!(queue = consumer.name, "taking notifications again");
                    }
                    match self.take_until_error(kind, queue, (&slots, &tasks), &shutdown).await {
                        Some(error) => error,
                        None => return,
                    }
                }
                Err(error) => error,
            };
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    error = &error as &dyn Error,
                    queue = consumer.name,
                    "cannot take notifications"
                );
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(OPEN_AGAIN) => {}
            }
        }
    }

    /// `None` when it was asked to stop.
    async fn take_until_error(
        self: &Arc<Self>,
        kind: Kind,
        mut queue: Queue,
        (slots, tasks): (&Arc<Semaphore>, &TaskTracker),
        shutdown: &CancellationToken,
    ) -> Option<hilum_log::UnavailableError> {
        loop {
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot.expect("it is never closed"),
            };
            let queued = tokio::select! {
                () = shutdown.cancelled() => break,
                queued = queue.take() => match queued {
                    Ok(queued) => queued,
                    Err(error) => {
                        queue.close().await;
                        return Some(error);
                    }
                },
            };
            let worker = self.clone();
            tasks.spawn(async move {
                match kind {
                    Kind::Body => worker.settle_body(queued).await,
                    Kind::Object(_) => worker.settle_object(queued).await,
                }
                drop(slot);
            });
        }
        queue.close().await;
        None
    }

    async fn settle_body(&self, queued: Queued) {
        let body = queued.payload().clone();
        let taken = async {
            match read(&body) {
                Ok(Body::Objects(objects)) => self.inlet.take(objects, &body).await,
                Ok(Body::Nothing) => Ok(()),
                // Who asks here has no address at which to confirm.
                Ok(Body::Confirmation(_)) => self.inlet.keep_unknown(UnknownBody::NoForm, &body).await,
                Err(unknown) => self.inlet.keep_unknown(unknown, &body).await,
            }
        };
        match queued.in_hand_during(taken).await {
            Ok(()) => queued.settle().await,
            Err(error) => {
                tracing::debug!(error = &error as &dyn Error, "a notification waits");
                queued.put_off(AGAIN).await;
            }
        }
    }

    async fn settle_object(&self, queued: Queued) {
        let Ok(notification) = ciborium::from_reader::<Notification, _>(queued.payload().as_ref()) else {
            // No release of ours wrote it.
            let kept = self.inlet.keep_unknown(UnknownBody::NoForm, queued.payload()).await;
            return if kept.is_ok() { queued.settle().await } else { queued.put_off(AGAIN).await };
        };
        let Watched::By(watch) = self.watches.watching(&notification.bucket, &notification.key) else {
            return queued.settle().await;
        };
        let transfer = queued.position().to_string();
        let handed =
            Handed { notification: &notification, deliveries: queued.deliveries(), transfer: &transfer };
        let outcome = queued.in_hand_during(self.taker.take(watch, handed)).await;
        match outcome {
            Ok(()) => queued.settle().await,
            Err(setback) => self.after(&setback, watch, queued, notification).await,
        }
    }

    async fn after(&self, setback: &Setback, watch: &Watch, queued: Queued, notification: Notification) {
        let story = Story {
            deliveries: queued.deliveries(),
            stored_at: queued.stored_at(),
            now: self.taker.log.clock().now(),
        };
        let reason = match setback.next(story, self.give_up_after) {
            Next::Again(wait) => {
                tracing::debug!(watch = watch.name, outcome = setback.word(), ?wait, "tried again later");
                return queued.put_off(wait).await;
            }
            Next::GiveUp(reason) => reason,
        };
        let known = match setback {
            Setback::Never { job_id, .. } => *job_id,
            _ => None,
        };
        let id = known.unwrap_or_else(|| id_of_name(&notification));
        let given_up = GivenUp { id, watch: Some(watch.name.clone()), reason, tries: story.deliveries };
        let kept = given_up.keep(&self.taker.log, notification).await;
        let kept = match known {
            Some(job_id) if kept.is_ok() => self.taker.note_done(job_id).await.is_ok(),
            _ => kept.is_ok(),
        };
        if kept { queued.settle().await } else { queued.put_off(AGAIN).await }
    }
}
