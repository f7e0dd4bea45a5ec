//! Handing out work from durable consumers: taking what is most urgent, as much as fits in hand, until asked to
//! stop. What becomes of each message is decided in `settle`.

mod attempt;
mod calm;
mod choice;
mod handle;
mod hands;
mod pull;
mod settle;
mod single;
mod source;
mod turns;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use handle::AnyHandle;
pub use handle::{Delivery, Failure, Handle};
pub use single::{Handed, Reply, Worker};

use crate::connection::{Log, UnavailableError};
use crate::lane::lanes_of;
use crate::need::KnownNeeds;
use calm::Calm;
use choice::{Among, Kind};
use hands::{Hands, Slots};
use settle::Bench;
use source::{Sources, Taken};

/// After a reconnect the consumers are opened again, rather than waiting for their pulls to expire.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);
/// One in so many messages is a retry even if fresh ones wait: a retry may be late but not starve.
const RETRY_TURN: u64 = 8;

/// How a service works.
#[derive(Debug, Clone)]
pub struct WorkConfig {
    /// Durable consumers, most urgent first. Each has a second one for its retries, and those that are declared so have
    /// lanes; the sites whose messages stand before a lane are served in turn.
    pub consumers: Vec<String>,
    /// Messages in hand at a time; a quarter of them, one at least, may be retries. Of several consumers the first may
    /// have a quarter more in hand, so that its messages wait for none of the others. Sites that have none in hand may
    /// together have another quarter, one each, so that their first one waits for no other site's.
    pub concurrency: usize,
    /// A message that takes longer than this is tried again.
    pub handle_limit: Duration,
    /// Tries after which a message that fails is parked.
    pub max_tries: usize,
    /// Workers that may take a message and never answer before it is parked as poison.
    pub max_unanswered: u64,
    /// After a stop, how long what is in hand may take; the rest is handed back.
    pub drain_limit: Duration,
}

/// Work ended other than by being asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A handler said that going on would do harm.
    #[error("stopped at position {seq} of the event log")]
    Stopped {
        /// The message.
        seq: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

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
        let bench = Arc::new(Bench {
            log: log.clone(),
            config: config.clone(),
            hand_back: CancellationToken::new(),
            stopped: stopped_tx,
            calm: Calm::new(),
            needs: KnownNeeds::default(),
        });
        let has_lanes = config.consumers.iter().any(|consumer| lanes_of(consumer).is_some());
        let hands = Hands::new(config.concurrency, config.consumers.len(), has_lanes);
        let stopped = tokio::select! {
            stopped = stopped_rx.recv() => stopped,
            () = bench.take_forever(&handler, &hands, shutdown) => None,
        };
        hands.tasks.close();
        if tokio::time::timeout(config.drain_limit, hands.tasks.wait()).await.is_err() {
            tracing::warn!(in_hand = hands.tasks.len(), "handing back what is not done in time");
            bench.hand_back.cancel();
            hands.tasks.wait().await;
        }
        match stopped {
            Some(error) => Err(error),
            None => stopped_rx.try_recv().map_or(Ok(()), Err),
        }
    })
}

impl Bench {
    async fn take_forever(
        self: &Arc<Self>,
        handler: &Arc<dyn AnyHandle>,
        hands: &Hands,
        shutdown: &CancellationToken,
    ) {
        let mut sources = Sources::new(&self.config.consumers, self.calm.gate());
        let mut said = false;
        while !shutdown.is_cancelled() {
            let error = tokio::select! {
                () = shutdown.cancelled() => break,
                error = self.take_until_error(handler, hands, &mut sources, &mut said) => error,
            };
            if !said {
                tracing::warn!(error = &error as &dyn Error, "cannot take work; trying again");
                said = true;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
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
        hands: &Hands,
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
            let mut retry_slot = hands.retry_slot();
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
                    self.begin(handler, hands, taken, None);
                }
                slot = hands.slot(), if sources.has(among) => {
                    turn += 1;
                    let retry_first = turn % RETRY_TURN == 0;
                    let Some(taken) = sources.take(among, retry_first) else { continue };
                    let retry_slot = retry_slot.take().filter(|_| taken.kind == Kind::Retry);
                    self.begin(handler, hands, taken, Some((slot, retry_slot)));
                }
                slot = hands.reserved_slot(), if sources.has(Among::Urgent) => {
                    let Some(taken) = sources.take(Among::Urgent, false) else { continue };
                    self.begin(handler, hands, taken, Some((slot, None)));
                }
                slot = hands.newcomers_slot(), if sources.has(Among::Newcomers) => {
                    let Some(taken) = sources.take(Among::Newcomers, false) else { continue };
                    self.begin(handler, hands, taken, Some((slot, None)));
                }
                () = hands.retry_slot_free(), if among == Among::Fresh && sources.has(Among::All) => {}
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        handler: &Arc<dyn AnyHandle>,
        hands: &Hands,
        taken: Taken,
        slots: Option<Slots>,
    ) {
        let (bench, handler) = (self.clone(), handler.clone());
        hands.tasks.spawn(async move {
            bench.settle(&*handler, taken).await;
            drop(slots);
        });
    }
}
