//! Keeps the parts running: starts what ended again, stops all in order. Runs on the main thread, because
//! children die with the thread that started them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{join_all, select_all};
use hilum_runtime::with_causes;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::folder::StateFolder;
use super::logs::last_words;
use super::part::Part;
use super::plan::environment;
use super::probe::Probes;
use super::settings::UpSettings;
use super::state::{StackState, Status};
use crate::error::Error;
use crate::output::Output;

/// A part that ends so often before the stack was ready once does not come up by itself.
const ENDS_WHILE_STARTING: u32 = 4;

/// The parts and what is known of them.
pub(crate) struct Supervisor {
    pub(crate) folder: StateFolder,
    pub(crate) parts: Vec<Part>,
    pub(crate) probes: Arc<Probes>,
    pub(crate) state: StackState,
    pub(crate) output: Output,
}

impl Supervisor {
    /// Starts the servers, side by side.
    pub(crate) async fn start_servers(&mut self) -> Result<(), Error> {
        let servers = self.parts.iter_mut().filter(|part| !part.is_service());
        for started in join_all(servers.map(Part::start)).await {
            started?;
        }
        self.save();
        Ok(())
    }

    /// Starts the services; they get ready side by side.
    pub(crate) async fn start_services(&mut self, settings: &UpSettings) -> Result<(), Error> {
        let database_url = self.parts.iter().find_map(Part::database_url).unwrap_or_default();
        let environment = environment(settings, &self.state, database_url);
        for service in self.parts.iter_mut().filter(|part| part.is_service()) {
            service.give_environment(&environment);
            service.start().await?;
        }
        self.save();
        Ok(())
    }

    /// Keeps everything running until `shutdown`.
    ///
    /// # Errors
    /// When the parts do not become ready in `ready_limit`.
    pub(crate) async fn supervise(
        &mut self,
        shutdown: &CancellationToken,
        ready_limit: Duration,
    ) -> Result<(), Error> {
        let probes = self.probes.clone();
        let mut all_ready = Box::pin(probes.until_ready());
        let ready_deadline = Instant::now() + ready_limit;
        let mut starting = true;
        loop {
            let due = self.next_due();
            let due_at = due.map(|(_, at)| at);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = &mut all_ready, if starting => {
                    starting = false;
                    self.announce_ready();
                }
                () = sleep_until(Some(ready_deadline)), if starting => {
                    return Err(self.not_ready(ready_limit).await);
                }
                (index, what) = any_ended(&mut self.parts) => self.ended(index, &what, starting)?,
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

    /// Stops the services, side by side, then the servers, last NATS.
    pub(crate) async fn stop(&mut self) {
        self.state.status = Status::Stopping;
        self.save();
        self.output.say("stopping …");
        join_all(self.parts.iter_mut().filter(|part| part.is_service()).map(Part::stop)).await;
        for server in self.parts.iter_mut().rev() {
            server.stop().await;
        }
        self.state.status = Status::Stopped;
        self.save();
        tracing::info!("stopped");
        self.output.say("stopped");
        self.output.object(&json!({ "event": "stopped" }));
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

    fn ended(&mut self, index: usize, what: &str, starting: bool) -> Result<(), Error> {
        let part = &mut self.parts[index];
        let delay = part.plan_restart();
        let delay_ms = delay.as_millis() as u64;
        metrics::counter!("hilum_part_restarts_total", "part" => part.name().to_owned()).increment(1);
        tracing::error!(part = part.name(), what, delay_ms, "a part ended; it is started again");
        self.output.say(format_args!(
            "{} ended ({what}); it is started again in {} s; its log is {}",
            part.name(),
            delay.as_secs_f32(),
            part.log().display()
        ));
        self.output.object(&json!({ "event": "ended", "name": part.name(), "what": what }));
        if starting && part.restarts() >= ENDS_WHILE_STARTING {
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
                let delay_ms = part.plan_restart().as_millis() as u64;
                let error = with_causes(&error);
                tracing::error!(part = part.name(), error, delay_ms, "could not be started again");
            }
        }
        self.save();
    }

    fn announce_ready(&mut self) {
        self.state.status = Status::Ready;
        self.save();
        tracing::info!(base_url = self.state.base_url, "ready");
        let StackState { parts, base_url, .. } = &self.state;
        let pid =
            |process: Option<super::ProcessId>| process.map(|it| it.pid.to_string()).unwrap_or_default();
        self.output.table(
            &["part", "pid", "port", "log"],
            parts.iter().map(|part| {
                let log = part.log.display().to_string();
                vec![part.name.clone(), pid(part.process), part.port.to_string(), log]
            }),
        );
        for part in parts {
            let pid = part.process.map(|process| process.pid);
            self.output.object(&json!({ "event": "part", "name": part.name, "pid": pid, "port": part.port }));
        }
        if self.state.untrained {
            self.output.say(hilum_models::UNTRAINED_NOTICE);
        }
        self.output.say(format_args!("ready: {base_url}"));
        let state = self.folder.path();
        self.output.say(format_args!("stop it with Ctrl-C or `hilum down --state {}`", state.display()));
        self.output.object(&json!({
            "event": "ready",
            "base_url": base_url,
            "pid": self.state.pid,
            "state": state,
            "untrained": self.state.untrained,
        }));
    }

    async fn not_ready(&self, limit: Duration) -> Error {
        let waiting = self.probes.check().await.waiting_for;
        let waiting: Vec<_> = waiting.iter().map(|(what, why)| format!("{what} ({why})")).collect();
        Error::NotReady { limit_s: limit.as_secs(), waiting: waiting.join(", "), logs: self.folder.logs() }
    }
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
