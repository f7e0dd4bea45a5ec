//! Starts the parts and keeps them running: starts what ended again, stops all in order, says what is waited for. Runs
//! on the main thread, because children die with the thread that started them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{join_all, select_all};
use hilum_api::StackReadiness;
use hilum_gateway::ReadinessProbe as _;
use hilum_log::Drift;
use hilum_runtime::with_causes;
use tokio_util::sync::CancellationToken;

use super::definitions::define_streams;
use super::folder::StateFolder;
use super::logs::last_words;
use super::part::Part;
use super::plan::environment;
use super::probe::Probes;
use super::programs::{DOOR, NATS};
use super::settings::UpSettings;
use super::state::{StackState, Status};
use crate::error::Error;
use crate::news::{News, Observer};

/// A door that ends so often before it was open once is given up.
const ENDS_WHILE_STARTING: u32 = 4;
/// Between two words on what is waited for: soon after the start, and later.
const SHORTEST_SILENCE: Duration = Duration::from_secs(3);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether the parts are ready: soon after the start, and later.
const SHORTEST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// The parts and what is known of them.
pub(crate) struct Supervisor<'a> {
    pub(crate) folder: StateFolder,
    pub(crate) parts: Vec<Part>,
    pub(crate) probes: Arc<Probes>,
    pub(crate) state: StackState,
    pub(crate) observer: &'a dyn Observer,
}

/// How far a start is. Nothing of it has a deadline: what is waited for grows with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The log's server recovers.
    Servers,
    /// The services get ready.
    Services,
    /// Uploads are taken; others catch up.
    Open,
    /// All were ready at once.
    Ready,
}

impl Supervisor<'_> {
    /// Starts everything and keeps it running until `shutdown`.
    ///
    /// # Errors
    /// When a program can't be run, or the log's server or the door ends while it starts.
    pub(crate) async fn supervise(
        &mut self,
        settings: &UpSettings,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        tokio::select! {
            launched = self.launch_servers() => launched?,
            () = shutdown.cancelled() => return Ok(()),
        }
        let probes = self.probes.clone();
        let mut prepared = Box::pin(prepare_log(probes.clone(), self.state.clone()));
        let begun = Instant::now();
        let mut look = Box::pin(look_after(probes.clone(), Duration::ZERO));
        let mut say_at = next_word(begun);
        let mut seen = None;
        let mut stage = Stage::Servers;
        loop {
            let due = self.next_due();
            let due_at = due.map(|(_, at)| at);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                (index, what) = any_ended(&mut self.parts) => self.ended(index, &what, stage, settings)?,
                drifted = &mut prepared, if stage == Stage::Servers => {
                    self.say_drifted(&drifted);
                    self.start_services(settings).await?;
                    stage = Stage::Services;
                }
                found = &mut look, if stage < Stage::Ready => {
                    stage = self.go_on(stage, &found);
                    seen = Some(found);
                    let rest = (begun.elapsed() / 50).clamp(SHORTEST_REST, LONGEST_REST);
                    look = Box::pin(look_after(probes.clone(), rest));
                }
                () = sleep_until(Some(say_at)), if stage < Stage::Ready => {
                    say_at = next_word(begun);
                    if let Some(seen) = &seen {
                        self.say_waiting(seen);
                    }
                }
                () = sleep_until(due_at) => {
                    if let Some((index, _)) = due {
                        tokio::select! {
                            () = shutdown.cancelled() => return Ok(()),
                            () = self.start_again(index) => {}
                        }
                    }
                }
            }
        }
    }

    /// Starts the servers, side by side, and waits for none of them.
    async fn launch_servers(&mut self) -> Result<(), Error> {
        let servers = self.parts.iter_mut().filter(|part| !part.is_service());
        for launched in join_all(servers.map(Part::start)).await {
            launched?;
        }
        self.save();
        Ok(())
    }

    /// Starts the services; they get ready side by side.
    async fn start_services(&mut self, settings: &UpSettings) -> Result<(), Error> {
        let database_url = self.parts.iter().find_map(Part::database_url).unwrap_or_default();
        let environment = environment(settings, &self.state, database_url);
        for service in self.parts.iter_mut().filter(|part| part.is_service()) {
            service.give_environment(&environment);
            service.start().await?;
        }
        self.save();
        Ok(())
    }

    /// The stage after a look at the parts; news of it are told.
    fn go_on(&mut self, stage: Stage, found: &StackReadiness) -> Stage {
        if stage < Stage::Services || !found.takes_uploads {
            return stage;
        }
        if found.ready {
            self.announce_ready();
            return Stage::Ready;
        }
        if stage < Stage::Open {
            self.announce_open();
        }
        Stage::Open
    }

    /// Stops the services, side by side, then the servers, last NATS.
    pub(crate) async fn stop(&mut self) {
        self.state.status = Status::Stopping;
        self.save();
        self.observer.notice(&News::Stopping);
        join_all(self.parts.iter_mut().filter(|part| part.is_service()).map(Part::stop)).await;
        for server in self.parts.iter_mut().rev() {
            server.stop().await;
        }
        self.state.status = Status::Stopped;
        self.save();
        tracing::info!("stopped");
        self.observer.notice(&News::Stopped);
    }

    /// Writes the state file. A full disk must not stop what runs.
    pub(crate) fn save(&mut self) {
        self.state.parts = self.parts.iter_mut().map(Part::state).collect();
        if let Err(error) = self.state.write(&self.folder) {
            tracing::error!(error = with_causes(&error), "the state file is out of date");
        }
    }

    fn next_due(&self) -> Option<(usize, Instant)> {
        let due = self.parts.iter().enumerate().filter_map(|(index, part)| Some((index, part.due_at()?)));
        due.min_by_key(|(_, at)| *at)
    }

    fn ended(&mut self, index: usize, what: &str, stage: Stage, settings: &UpSettings) -> Result<(), Error> {
        let part = &mut self.parts[index];
        let delay = part.plan_restart(what);
        let delay_ms = delay.as_millis() as u64;
        metrics::counter!("hilum_part_restarts_total", "part" => part.name().to_owned()).increment(1);
        tracing::error!(part = part.name(), what, delay_ms, "a part ended; it is started again");
        self.observer.notice(&News::Ended { name: part.name(), what, delay, log: part.log() });
        if ends_the_start(part, stage, settings) {
            return Err(Error::PartFails {
                name: part.name().to_owned(),
                times: part.restarts(),
                what: what.to_owned(),
                log: part.log().to_owned(),
                tail: last_words(part.log()),
            });
        }
        self.save();
        Ok(())
    }

    async fn start_again(&mut self, index: usize) {
        let part = &mut self.parts[index];
        match part.start().await {
            Ok(()) => tracing::info!(part = part.name(), restarts = part.restarts(), "started again"),
            Err(error) => {
                let error = with_causes(&error);
                let delay_ms = part.plan_restart(&error).as_millis() as u64;
                tracing::error!(part = part.name(), error, delay_ms, "could not be started again");
            }
        }
        self.save();
    }

    fn announce_ready(&mut self) {
        self.state.status = Status::Ready;
        self.save();
        tracing::info!(base_url = self.state.base_url, "ready");
        self.observer.notice(&News::Ready { state: &self.state, folder: self.folder.path() });
    }

    fn announce_open(&mut self) {
        self.state.status = Status::Open;
        self.save();
        tracing::info!(base_url = self.state.base_url, "uploads are taken");
        self.observer.notice(&News::Open(&self.state));
    }

    fn say_waiting(&self, seen: &StackReadiness) {
        tracing::info!(waiting_for = seen.words(), "waiting");
        self.observer.notice(&News::WaitingFor(seen));
    }

    fn say_drifted(&self, drifted: &[Drift]) {
        for drift in drifted {
            let Drift { what, difference } = drift;
            tracing::warn!(what, difference, "a stream had drifted from its definition");
            self.observer.notice(&News::Drifted(drift));
        }
    }
}

/// When a start that began at `begun` says next what it waits for.
pub(super) fn next_word(begun: Instant) -> Instant {
    Instant::now() + (begun.elapsed() / 10).clamp(SHORTEST_SILENCE, LONGEST_SILENCE)
}

/// Whether a start is given up when this part ends: there is no door without it, or all parts were wanted.
fn ends_the_start(part: &Part, stage: Stage, settings: &UpSettings) -> bool {
    let again_and_again = part.restarts() >= ENDS_WHILE_STARTING;
    match part.name() {
        NATS if stage == Stage::Servers => true,
        DOOR | NATS if stage < Stage::Open => again_and_again,
        _ => settings.all_parts && stage < Stage::Ready && again_and_again,
    }
}

/// Waits until the log's server has recovered, and applies the definitions of the streams.
async fn prepare_log(probes: Arc<Probes>, state: StackState) -> Vec<Drift> {
    while !probes.has_log().await {
        tokio::time::sleep(SHORTEST_REST).await;
    }
    define_streams(&state.nats_url(), &state.store_url).await
}

async fn look_after(probes: Arc<Probes>, rest: Duration) -> StackReadiness {
    tokio::time::sleep(rest).await;
    probes.check().await
}

async fn any_ended(parts: &mut [Part]) -> (usize, String) {
    let waits = parts
        .iter_mut()
        .enumerate()
        .map(|(index, part)| Box::pin(async move { (index, part.ended().await) }));
    select_all(waits).await.0
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
