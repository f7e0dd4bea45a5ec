//! One process of the stack: how it is started, started again, and stopped.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hilum_servers::{
    NatsOptions, NatsServer, Postgres, PostgresOptions, Process, ServerError, free_port, is_free,
};
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::logs::{error_report, told};
use super::ports::PortCell;
use super::process_id::ProcessId;
use super::state::PartState;
use super::vitals::{STEADY, Vitals};

/// How long a service may take to finish what it has in hand.
const SERVICE_STOP_LIMIT: Duration = Duration::from_secs(15);
/// Letters of what is said of an end.
const LONGEST_END: usize = 400;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// What to start.
#[derive(Debug)]
pub(crate) enum Launch {
    /// nats-server, always on the same port.
    Nats(NatsOptions),
    /// Postgres, always on the same port.
    Postgres(PostgresOptions),
    /// A service.
    Service(ServiceLaunch),
}

/// A service and its settings.
#[derive(Debug)]
pub(crate) struct ServiceLaunch {
    /// Its program.
    pub(crate) program: PathBuf,
    /// Its settings, except where it listens.
    pub(crate) environment: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Running {
    Nats(NatsServer),
    Postgres(Postgres),
    Service(Process),
}

impl Running {
    fn process(&mut self) -> &mut Process {
        match self {
            Self::Nats(server) => server.process(),
            Self::Postgres(server) => server.process(),
            Self::Service(process) => process,
        }
    }
}

/// A part of the stack.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    launch: Launch,
    log: PathBuf,
    port: PortCell,
    probe_port: PortCell,
    vitals: Vitals,
    /// Length of the log when it was started: what follows is of this run.
    log_from: u64,
    running: Option<Running>,
    started_at: Option<Instant>,
    delay: Duration,
    due_at: Option<Instant>,
    restarts: u32,
}

impl Part {
    /// A part that is not running yet. `probe_port` is told where it can be asked for its health, `vitals` whether its
    /// process runs.
    pub(crate) fn new(
        name: &str,
        launch: Launch,
        log: PathBuf,
        probe_port: PortCell,
        vitals: Vitals,
    ) -> Self {
        let port = match &launch {
            Launch::Nats(options) => PortCell::at(options.port.unwrap_or_default()),
            Launch::Postgres(options) => PortCell::at(options.port.unwrap_or_default()),
            Launch::Service(_) => probe_port.clone(),
        };
        Self {
            name: name.to_owned(),
            launch,
            log,
            port,
            probe_port,
            vitals,
            log_from: 0,
            running: None,
            started_at: None,
            delay: FIRST_DELAY,
            due_at: None,
            restarts: 0,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its log.
    pub(crate) fn log(&self) -> &std::path::Path {
        &self.log
    }

    /// How often it was started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// When it is to be started again.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Whether it is a service, which goes before the servers it needs.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self.launch, Launch::Service(_))
    }

    /// Settings for its next start, if it is a service.
    pub(crate) fn give_environment(&mut self, environment: &[(&'static str, String)]) {
        if let Launch::Service(service) = &mut self.launch {
            service.environment = environment.to_vec();
        }
    }

    /// Address of the database, which projection makes, if this is Postgres and it runs.
    pub(crate) fn database_url(&self) -> Option<String> {
        match &self.running {
            Some(Running::Postgres(server)) => Some(server.url("hilum")),
            _ => None,
        }
    }

    /// For the state file.
    pub(crate) fn state(&mut self) -> PartState {
        let pid = self.running.as_mut().and_then(|running| running.process().pid());
        PartState {
            name: self.name.clone(),
            process: pid.and_then(ProcessId::of),
            port: self.port.get().unwrap_or_default(),
            restarts: self.restarts,
            log: self.log.clone(),
        }
    }

    /// Starts its process, which may take any time to get ready.
    pub(crate) async fn start(&mut self) -> Result<(), ServerError> {
        self.due_at = None;
        self.started_at = Some(Instant::now());
        self.log_from = std::fs::metadata(&self.log).map_or(0, |found| found.len());
        let running = match &self.launch {
            Launch::Nats(options) => {
                let server = NatsServer::launch(options)?;
                self.probe_port.set(server.monitor_port());
                Running::Nats(server)
            }
            Launch::Postgres(options) => {
                let server = Postgres::launch(options).await?;
                self.probe_port.set(server.port());
                Running::Postgres(server)
            }
            Launch::Service(service) => {
                let port = self.free_port()?;
                let mut command = Command::new(&service.program);
                command.envs(service.environment.iter().map(|(name, value)| (name, value)));
                command.env("HILUM_LISTEN", format!("127.0.0.1:{port}"));
                let process = Process::start(&self.name, command, &self.log)?;
                self.port.set(port);
                Running::Service(process)
            }
        };
        let pid = self.running.insert(running).process().pid();
        let folder = match &self.launch {
            Launch::Nats(options) => Some(options.folder.as_path()),
            _ => None,
        };
        self.vitals.started(pid, folder);
        Ok(())
    }

    /// Waits until it ends, for ever if it does not run. Says how it ended, with the error it wrote if it did. Cancel
    /// safe.
    pub(crate) async fn ended(&mut self) -> String {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let status = running.process().wait().await;
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        match error_report(&self.log, self.log_from) {
            Some(report) => format!("{status}: {}", told(&report)).chars().take(LONGEST_END).collect(),
            None => status,
        }
    }

    /// It has ended or could not be started, `what` says how: plans the next start. Returns in how long.
    pub(crate) fn plan_restart(&mut self, what: &str) -> Duration {
        self.running = None;
        self.vitals.ended(what.to_owned());
        self.restarts += 1;
        if self.started_at.is_some_and(|at| at.elapsed() >= STEADY) {
            self.delay = FIRST_DELAY;
        }
        let delay = self.delay;
        self.delay = (delay * 2).min(LONGEST_DELAY);
        self.due_at = Some(Instant::now() + delay);
        delay
    }

    /// Stops it if it runs.
    pub(crate) async fn stop(&mut self) {
        self.due_at = None;
        match self.running.take() {
            Some(Running::Service(process)) => {
                process.stop(Signal::SIGTERM, SERVICE_STOP_LIMIT).await;
            }
            Some(Running::Nats(server)) => server.stop().await,
            Some(Running::Postgres(server)) => server.stop().await,
            None => {}
        }
    }

    fn free_port(&self) -> Result<u16, ServerError> {
        let wish = self.port.get().filter(|port| is_free(*port));
        wish.map_or_else(|| free_port().map_err(|_| self.no_port()), Ok)
    }

    fn no_port(&self) -> ServerError {
        let what = "no free port".to_owned();
        ServerError::NotReady { name: self.name.clone(), what, log: self.log.clone() }
    }
}
