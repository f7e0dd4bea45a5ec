//! The service without its frame: page, queues and lists side by side.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::join_all;
use hilum_blobs::{Bucket, OpenError};
use hilum_intake::{Intake, Token, TokenError};
use hilum_log::{Log, NOTIFICATIONS, PARKED_NOTIFICATIONS};
use hilum_runtime::Health;
use tokio_util::sync::CancellationToken;

use crate::at_once::AtOnce;
use crate::config::Config;
use crate::inlet::Inlet;
use crate::memory::Memory;
use crate::object::ObjectTaker;
use crate::queues::Worker;
use crate::results::ResultWriter;
use crate::sweep::Sweep;
use crate::watches::Watches;
use crate::webhook::Webhook;

/// Between two looks at how many notifications there are.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// The settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store of a watch.
    #[error("cannot open what the watch {watch} watches")]
    Watch {
        /// The watch.
        watch: String,
        /// Why.
        source: OpenError,
    },
    /// The client that confirms subscriptions.
    #[error("cannot make the client that confirms subscriptions")]
    Client(#[from] reqwest::Error),
}

/// The service.
pub struct WatchService {
    log: Log,
    webhook: Option<Webhook>,
    worker: Worker,
    sweep: Sweep,
    results: Vec<ResultWriter>,
}

impl WatchService {
    /// Puts the parts together; nothing runs yet.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub fn new(
        intake: Intake,
        watches: Watches,
        config: &Config,
        health: Health,
    ) -> Result<Self, StartError> {
        let (log, store) = (intake.log.clone(), intake.store.clone());
        let open = |watch: &crate::watches::Watch| {
            let opened = Bucket::open(&watch.store);
            let failed = |source| StartError::Watch { watch: watch.name.clone(), source };
            Ok((watch.name.clone(), opened.map_err(failed)?))
        };
        let buckets = watches.watches.iter().map(open).collect::<Result<HashMap<_, _>, StartError>>()?;
        let sns_endpoint = watches.sns_endpoint.clone();
        let watches = Arc::new(watches);
        let writer = |watch| ResultWriter::of(watch, &log, &store, buckets.get(&watch.name)?);
        let results = watches.watches.iter().filter_map(writer).collect();
        let inlet = Inlet::new(log.clone(), watches.clone());
        let done = Memory::default();
        let (log_of_taker, buckets) = (log.clone(), Arc::new(buckets));
        let taker = ObjectTaker { log: log_of_taker, intake, buckets, done, unpacker: config.unpacker() };
        let at_once = AtOnce::new(taker.clone(), watches.clone(), config.at_once.into());
        let token = config.token_file.as_deref().map(Token::read).transpose()?;
        let page = |token| Webhook::new(inlet.clone(), at_once, token, sns_endpoint);
        let webhook = token.map(page).transpose()?;
        let worker = Worker {
            taker: taker.clone(),
            inlet: inlet.clone(),
            watches: watches.clone(),
            give_up_after: config.give_up_after(),
            at_once: usize::from(config.at_once),
        };
        let sweep = Sweep {
            taker,
            inlet,
            watches,
            store,
            health,
            every: config.list_every(),
            overlap: config.overlap(),
            queued: Memory::default(),
        };
        Ok(Self { log, webhook, worker, sweep, results })
    }

    /// The page for notifications by HTTP, if there is a token.
    pub fn pages(&self) -> Router {
        self.webhook.clone().map_or_else(Router::new, Webhook::router)
    }

    /// Works until `shutdown`, then finishes what is in hand, for `drain_limit` at most.
    pub async fn run(self, shutdown: &CancellationToken, drain_limit: Duration) {
        let Self { log, worker, sweep, results, .. } = self;
        if !log.wait_until_usable(shutdown).await {
            return;
        }
        let results = join_all(results.into_iter().map(|writer| writer.run(shutdown.clone())));
        tokio::join!(
            worker.run(shutdown, drain_limit),
            sweep.run(shutdown),
            results,
            measure(&log, shutdown)
        );
    }
}

async fn measure(log: &Log, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(MEASURE_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // While the server is away the numbers stay.
        if let Ok(waiting) = log.held_in(NOTIFICATIONS).await {
            metrics::gauge!("hilum_watch_waiting").set(waiting as f64);
        }
        if let Ok(parked) = log.held_in(PARKED_NOTIFICATIONS).await {
            metrics::gauge!("hilum_watch_parked").set(parked as f64);
        }
    }
}
