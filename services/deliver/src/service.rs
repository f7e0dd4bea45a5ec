//! All targets and the triage side by side: makes their consumers, then works until it is asked to stop.

use std::sync::Arc;
use std::time::Duration;

use hilum_blobs::BlobStore;
use hilum_events::{all_flags_filter, all_reports_filter, delivery_resolutions_filter};
use hilum_forms::Maker;
use hilum_log::{ConsumerDefinition, Handle, Log, WorkConfig, WorkError, work};
use hilum_runtime::{Health, with_causes};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::begin::{ConsumerOrigin, begin};
use crate::outlet::StoredForms;
use crate::protocol::SenderError;
use crate::shell::TargetWorker;
use crate::targets::{TRIAGE, Target, Targets};
use crate::transport::Transport;
use crate::triage::Triage;

/// Condition of readiness: what is issued from now on reaches every target.
const CONSUMERS: &str = "consumers";
/// Note of readiness: a consumer was lost.
const LOST: &str = "lost consumers";
/// Messages that the triage has in hand at a time.
const TRIAGE_AT_ONCE: usize = 4;
/// Workers that may take a message and never answer before it is parked as poison.
const MAX_UNANSWERED: u64 = 3;
/// Tries of the triage: only the log can fail it, and while that is away no try is counted.
const TRIAGE_TRIES: usize = 10;
/// What a delivery may take besides the target's own time: storage, log, forms.
const OWN_TIME: Duration = Duration::from_secs(60);
/// A bound on the objects of a report: a picture for each of 200 images and a few others.
const OBJECTS_MAX: u32 = 256;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The service: one work loop for each target, and one for the triage.
pub struct Deliverer {
    log: Log,
    store: BlobStore,
    maker: Maker,
    targets: Targets,
    transports: Vec<Transport>,
    health: Health,
}

/// Why delivering ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The settings of a target can't be used.
    #[error("cannot prepare target {target}")]
    Target {
        /// Its name.
        target: String,
        /// What can't be made of them.
        source: SenderError,
    },
    /// A work loop ended because going on would do harm.
    #[error(transparent)]
    Work(#[from] WorkError),
}

impl Deliverer {
    /// Prepares the ways to all targets; nothing is sent yet.
    ///
    /// # Errors
    /// When the settings of a target can't be used.
    pub fn new(
        log: Log,
        store: BlobStore,
        maker: Maker,
        targets: Targets,
        health: Health,
    ) -> Result<Self, DeliverError> {
        let prepare = |target: &Target| {
            let failed = |source| DeliverError::Target { target: target.name.to_string(), source };
            Transport::to(target).map_err(failed)
        };
        let transports = targets.targets.iter().map(prepare).collect::<Result<_, _>>()?;
        health.wait_for(CONSUMERS, "not made yet");
        Ok(Self { log, store, maker, targets, transports, health })
    }

    /// Delivers until `shutdown`, then finishes what is in hand, for `drain_limit` at most.
    ///
    /// # Errors
    /// When going on would do harm.
    pub async fn run(self, shutdown: &CancellationToken, drain_limit: Duration) -> Result<(), DeliverError> {
        let mut lost = Vec::new();
        for definition in self.consumers() {
            match self.ensure(&definition, shutdown).await {
                Some(ConsumerOrigin::Recreated(made)) => lost.push(made.to_string()),
                Some(_) => {}
                None => return Ok(()),
            }
        }
        self.health.note(LOST, (!lost.is_empty()).then(|| lost.join("; ")));
        self.health.holds(CONSUMERS);
        let mut loops = JoinSet::new();
        for (target, transport) in self.targets.targets.into_iter().zip(self.transports) {
            let config = target_config(&target, drain_limit);
            let outlet = StoredForms { store: self.store.clone(), maker: self.maker.clone(), transport };
            let worker = TargetWorker::new(self.log.clone(), Arc::new(target), outlet);
            spawn(&mut loops, self.log.clone(), worker, config, shutdown);
        }
        if !self.targets.rules.is_empty() {
            let triage = Triage::new(self.log.clone(), self.targets.rules);
            let config = work_config(TRIAGE, OWN_TIME, TRIAGE_TRIES, drain_limit);
            spawn(&mut loops, self.log.clone(), triage, config, shutdown);
        }
        let mut outcome = Ok(());
        while let Some(ended) = loops.join_next().await {
            // One that must not go on ends all; the others finish what they have in hand.
            shutdown.cancel();
            let ended = ended.expect("no loop panics or is aborted");
            outcome = outcome.and(ended);
        }
        // Without targets and rules there is nothing to do but to be there.
        shutdown.cancelled().await;
        Ok(outcome?)
    }

    fn consumers(&self) -> Vec<ConsumerDefinition> {
        let of_target = |target: &Target| {
            let filters =
                vec![all_reports_filter(), all_flags_filter(), delivery_resolutions_filter(&target.name)];
            definition(target.name.as_str(), filters)
        };
        let mut consumers: Vec<_> = self.targets.targets.iter().map(of_target).collect();
        if !self.targets.rules.is_empty() {
            consumers.push(definition(TRIAGE, Triage::filters()));
        }
        consumers
    }

    /// Waits until the consumer is there; `None` if `shutdown` came first.
    async fn ensure(
        &self,
        definition: &ConsumerDefinition,
        shutdown: &CancellationToken,
    ) -> Option<ConsumerOrigin> {
        loop {
            match begin(&self.log, &self.store, definition).await {
                Ok(begun) => {
                    match &begun {
                        ConsumerOrigin::Found => {}
                        ConsumerOrigin::New(floor) => {
                            tracing::info!(
                                consumer = definition.name,
                                floor,
                                "new: begins with what comes now"
                            );
                        }
                        ConsumerOrigin::Recreated(made) => {
                            tracing::error!(consumer = made.consumer, "{made}");
                            metrics::counter!("hilum_consumers_made_anew_total").increment(1);
                        }
                    }
                    return Some(begun);
                }
                Err(error) => self.health.wait_for(CONSUMERS, with_causes(&error)),
            }
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

fn spawn<H: Handle>(
    loops: &mut JoinSet<Result<(), WorkError>>,
    log: Log,
    handler: H,
    config: WorkConfig,
    shutdown: &CancellationToken,
) {
    let shutdown = shutdown.clone();
    loops.spawn(async move { work(&log, Arc::new(handler), &config, &shutdown).await });
}

fn target_config(target: &Target, drain_limit: Duration) -> WorkConfig {
    // Each object has the target's time, and what holds on to one longer is let go there.
    let handle_limit = target.timeout.saturating_mul(OBJECTS_MAX).saturating_add(OWN_TIME);
    let config = work_config(target.name.as_str(), handle_limit, target.tries, drain_limit);
    WorkConfig { concurrency: target.protocol.settings().at_once(), ..config }
}

fn work_config(name: &str, handle_limit: Duration, max_tries: usize, drain_limit: Duration) -> WorkConfig {
    WorkConfig {
        consumers: vec![consumer(name)],
        concurrency: TRIAGE_AT_ONCE,
        handle_limit,
        max_tries,
        max_unanswered: MAX_UNANSWERED,
        drain_limit,
    }
}

fn definition(name: &str, filter_subjects: Vec<String>) -> ConsumerDefinition {
    ConsumerDefinition::new(consumer(name), filter_subjects)
}

fn consumer(name: &str) -> String {
    format!("deliver-{name}")
}
