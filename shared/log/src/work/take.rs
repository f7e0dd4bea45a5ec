//! Takes messages, the most urgent first, as many as there are slots for, and has each settled.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_streams::{RETRY_TURN, lanes_of};
use tokio_util::sync::CancellationToken;

use super::choice::{Among, Kind};
use super::config::{WorkConfig, WorkError};
use super::handle::{AnyHandle, Handle};
use super::settler::Settler;
use super::slots::{HeldSlots, SlotPool};
use super::source::{Sources, Taken};
use crate::port::{Log, UnavailableError};

/// After a reconnect the consumers are opened again, rather than waiting for their pulls to expire.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);
/// Pause before work that could not be taken is asked for again.
const TAKE_AGAIN: Duration = Duration::from_millis(500);

/// Takes messages and handles them until `shutdown`, then drains. Waits whenever the server is away.
///
/// # Errors
/// When a handler said stop.
pub async fn work<H: Handle>(
    log: &Log,
    handler: Arc<H>,
    config: &WorkConfig,
    shutdown: &CancellationToken,
) -> Result<(), WorkError> {
    work_on(log, handler, config, shutdown).await
}

fn work_on<'a>(
    log: &'a Log,
    handler: Arc<dyn AnyHandle>,
    config: &'a WorkConfig,
    shutdown: &'a CancellationToken,
) -> BoxFuture<'a, Result<(), WorkError>> {
    Box::pin(async move {
        let (stopped_tx, mut stopped_rx) = tokio::sync::mpsc::channel(1);
        let settler = Arc::new(Settler::new(log, config, stopped_tx));
        let has_lanes = config.consumers.iter().any(|consumer| lanes_of(consumer).is_some());
        let pool = SlotPool::new(config.concurrency, config.consumers.len(), has_lanes);
        let stopped = tokio::select! {
            stopped = stopped_rx.recv() => stopped,
            () = settler.take_forever(&handler, &pool, shutdown) => None,
        };
        pool.tasks.close();
        if tokio::time::timeout(config.drain_limit, pool.tasks.wait()).await.is_err() {
            tracing::warn!(in_hand = pool.tasks.len(), "handing back what is not done in time");
            settler.hand_back.cancel();
            pool.tasks.wait().await;
        }
        match stopped {
            Some(error) => Err(error),
            None => stopped_rx.try_recv().map_or(Ok(()), Err),
        }
    })
}

impl Settler {
    async fn take_forever(
        self: &Arc<Self>,
        handler: &Arc<dyn AnyHandle>,
        pool: &SlotPool,
        shutdown: &CancellationToken,
    ) {
        let mut sources = Sources::new(&self.config.consumers, self.calm.gate());
        let mut said = false;
        while !shutdown.is_cancelled() {
            let error = tokio::select! {
                () = shutdown.cancelled() => break,
                error = self.take_until_error(handler, pool, &mut sources, &mut said) => error,
            };
            if !said {
                tracing::warn!(error = &error as &dyn Error, "cannot take work; trying again");
                said = true;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(TAKE_AGAIN) => {}
            }
        }
        sources.hand_back().await;
    }

    /// Opens all consumers, also those of the work for which this worker has what others lack.
    async fn open(
        &self,
        handler: &Arc<dyn AnyHandle>,
        sources: &mut Sources,
    ) -> Result<(), UnavailableError> {
        if let Some(need) = handler.has() {
            for consumer in &self.config.consumers {
                self.log.ensure_need(consumer, &need).await?;
                sources.add_need(consumer, need.consumer(consumer));
            }
        }
        sources.open(&self.log).await
    }

    /// Hands out one message after the other. What has come and waits for a slot is kept alive meanwhile, and
    /// across a lost connection.
    async fn take_until_error(
        self: &Arc<Self>,
        handler: &Arc<dyn AnyHandle>,
        pool: &SlotPool,
        sources: &mut Sources,
        said: &mut bool,
    ) -> UnavailableError {
        let connections = self.log.connections();
        // What another log hands out is not ours to do.
        if let Err(error) = self.log.check_same().await {
            return UnavailableError::new("take work")(error);
        }
        let opened = self.open(handler, sources).await;
        self.log.standing.note("take work", &opened);
        if let Err(error) = opened {
            return error;
        }
        if std::mem::take(said) {
            tracing::info!("taking work again");
        }
        let mut looks = tokio::time::interval(LOOK_AT_CONNECTION_EVERY.min(sources.shortest_beat()));
        let mut turn = 0;
        loop {
            let mut retry_slot = pool.retry_slot();
            let among = if retry_slot.is_some() { Among::All } else { Among::Fresh };
            tokio::select! {
                // What has come is seen before anything is taken, and the reserve is for when no other slot will do.
                biased;
                _ = looks.tick() => {
                    sources.keep_alive().await;
                    if self.log.connections() != connections {
                        return UnavailableError::new("pull from a consumer")("the connection was made anew");
                    }
                }
                arrived = sources.fill() => {
                    if let Err(error) = arrived {
                        return error;
                    }
                }
                () = self.calm.gate().closed(), if sources.has(Among::All) => {
                    let Some(taken) = sources.take(Among::All, false) else { continue };
                    // It needs no slot: it is put off.
                    self.begin(handler, pool, taken, None);
                }
                slot = pool.slot(), if sources.has(among) => {
                    turn += 1;
                    let retry_first = turn % RETRY_TURN == 0;
                    let Some(taken) = sources.take(among, retry_first) else { continue };
                    let retry_slot = retry_slot.take().filter(|_| taken.kind == Kind::Retry);
                    self.begin(handler, pool, taken, Some((slot, retry_slot)));
                }
                slot = pool.reserved_slot(), if sources.has(Among::Urgent) => {
                    let Some(taken) = sources.take(Among::Urgent, false) else { continue };
                    self.begin(handler, pool, taken, Some((slot, None)));
                }
                slot = pool.newcomers_slot(), if sources.has(Among::Newcomers) => {
                    let Some(taken) = sources.take(Among::Newcomers, false) else { continue };
                    self.begin(handler, pool, taken, Some((slot, None)));
                }
                () = pool.retry_slot_free(), if among == Among::Fresh && sources.has(Among::All) => {}
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        handler: &Arc<dyn AnyHandle>,
        pool: &SlotPool,
        taken: Taken,
        slots: Option<HeldSlots>,
    ) {
        let (settler, handler) = (self.clone(), handler.clone());
        pool.tasks.spawn(async move {
            settler.settle(&*handler, taken).await;
            drop(slots);
        });
    }
}
