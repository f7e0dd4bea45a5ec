//! A whole stack: servers, definitions, model, services.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::Envelope;
use hilum_log::{Log, apply_definitions};
use hilum_models::demo;
use hilum_servers::{
    NatsOptions, NatsServer, Postgres, PostgresOptions, Process, free_port, http_status, wait_until,
};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use crate::LIMIT;
use crate::s3::S3Server;

const SERVICES: [&str; 5] = ["ingest", "dedupe", "infer", "report", "projection"];

/// Where the stack keeps images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder.
    Folder,
    /// An S3 server.
    S3,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Where images are kept.
    pub store: StoreKind,
    /// Quiet time before a report, seconds.
    pub quiet_time_s: f64,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
    /// Copies of each service.
    pub copies: usize,
    /// Further settings of the services.
    pub environment: Vec<(&'static str, String)>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            store: StoreKind::Folder,
            quiet_time_s: 0.5,
            otlp_endpoint: None,
            copies: 1,
            environment: Vec::new(),
        }
    }
}

/// A running stack. Its processes end with it.
pub struct Stack {
    /// The event log.
    pub log: Log,
    /// The object storage.
    pub store: BlobStore,
    pub(crate) http: reqwest::Client,
    services: BTreeMap<String, Service>,
    environment: Vec<(String, String)>,
    postgres: Postgres,
    nats: NatsServer,
    s3: Option<S3Server>,
    folder: TempDir,
}

struct Service {
    program: &'static str,
    port: u16,
    process: Option<Process>,
}

impl Stack {
    /// Starts everything and waits until all services are ready.
    pub async fn start(options: StackOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Postgres, which never runs as root, must be able to pass.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = |name: &str| folder.path().join(name);
        let nats = NatsServer::start(&NatsOptions::in_folder(path("nats"))).await.unwrap();
        let postgres = Postgres::start(&PostgresOptions::in_folder(path("postgres"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();

        let s3 = match options.store {
            StoreKind::Folder => None,
            StoreKind::S3 => Some(S3Server::start(&path("s3")).await),
        };
        let store_url = match &s3 {
            None => format!("file://{}", path("objects").display()),
            Some(_) => S3Server::url(),
        };
        let s3_environment = s3.as_ref().map(S3Server::environment).unwrap_or_default();
        let mut store_config = StoreConfig::at(&store_url);
        store_config.options =
            s3_environment.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let store = BlobStore::open(&store_config).unwrap();

        let mut environment = s3_environment;
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        set("HILUM_NATS_URL", nats.url());
        set("HILUM_STORE_URL", store_url);
        set("HILUM_DATABASE_URL", postgres.url("postgres"));
        set("HILUM_MODEL", demo_model().display().to_string());
        set("HILUM_QUIET_TIME_S", options.quiet_time_s.to_string());
        if let Some(endpoint) = options.otlp_endpoint {
            set("HILUM_OTLP_ENDPOINT", endpoint);
        }
        for (name, value) in options.environment {
            set(name, value);
        }
        let http = reqwest::Client::new();
        let services = BTreeMap::new();
        let mut stack = Self { log, store, http, services, environment, postgres, nats, s3, folder };
        for program in SERVICES {
            for copy in 1..=options.copies {
                let name = if copy == 1 { program.to_owned() } else { format!("{program}-{copy}") };
                stack.start_service(&name, program);
            }
        }
        stack.wait_ready().await;
        stack
    }

    fn start_service(&mut self, name: &str, program_name: &'static str) {
        let port = self.services.get(name).map_or_else(|| free_port().unwrap(), |service| service.port);
        let mut command = Command::new(program(&format!("hilum-{program_name}")));
        command.envs(self.environment.iter().cloned()).env("HILUM_LISTEN", format!("127.0.0.1:{port}"));
        let process = Process::start(name, command, &self.log_file(name)).unwrap();
        let service = Service { program: program_name, port, process: Some(process) };
        self.services.insert(name.to_owned(), service);
    }

    /// Waits until all services are ready.
    pub async fn wait_ready(&self) {
        for (name, service) in &self.services {
            let ready = || async { http_status(service.port, "/readyz").await == Some(200) };
            if !wait_until(LIMIT, ready).await {
                let log = std::fs::read_to_string(self.log_file(name)).unwrap_or_default();
                panic!("{name} is not ready:\n{log}");
            }
        }
    }

    /// Ends a service by `signal` and waits until it is gone.
    pub async fn end(&mut self, name: &str, signal: Signal) {
        let service = self.services.get_mut(name).unwrap();
        let process = service.process.take().unwrap();
        process.stop(signal, Duration::from_secs(30)).await;
    }

    /// Starts a service again that was ended.
    pub fn start_again(&mut self, name: &str) {
        let program = self.services[name].program;
        self.start_service(name, program);
    }

    /// Kills nats-server; gives what is needed to start it again.
    pub async fn kill_nats(&mut self) -> NatsOptions {
        self.nats.process().signal(Signal::SIGKILL);
        self.nats.process().wait().await.unwrap();
        let port = Some(self.nats.port());
        NatsOptions { port, ..NatsOptions::in_folder(self.folder.path().join("nats")) }
    }

    /// Starts nats-server again.
    pub async fn start_nats_again(&mut self, options: &NatsOptions) {
        self.nats = NatsServer::start(options).await.unwrap();
    }

    /// Ends the S3 server; gives its port.
    pub fn end_s3(&mut self) -> u16 {
        self.s3.take().unwrap().port()
    }

    /// Starts the S3 server again.
    pub async fn start_s3_again(&mut self, port: u16) {
        self.s3 = Some(S3Server::start_on(port, &self.folder.path().join("s3")).await);
    }

    /// The door.
    pub fn ingest_url(&self) -> String {
        self.url_of("ingest")
    }

    /// The query API.
    pub fn query_url(&self) -> String {
        self.url_of("projection")
    }

    /// Base address of a service's pages.
    pub fn url_of(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.services[name].port)
    }

    /// The names of the services.
    pub fn services(&self) -> Vec<String> {
        self.services.keys().cloned().collect()
    }

    /// Address of the projection's database.
    pub fn database_url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// What a service wrote to its log.
    pub fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_file(name)).unwrap_or_default()
    }

    /// Where the stack keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(format!("{name}.jsonl"))
    }

    /// All facts of the log so far.
    pub async fn events(&self) -> Vec<Envelope> {
        let last_seq = self.log.position().await.unwrap().last_seq;
        let mut follower = self.log.follow(0, &[]);
        let mut events = Vec::new();
        while (events.len() as u64) < last_seq {
            events.push(follower.next().await.content.unwrap());
        }
        events
    }

    /// How many facts of this name the log has.
    pub async fn count(&self, name: &str) -> usize {
        self.events().await.iter().filter(|envelope| envelope.event.name() == name).count()
    }

    /// Nothing is waiting, in hand or parked.
    pub async fn assert_settled(&self) {
        let settled = || async {
            let depths = self.log.queue_depths().await.unwrap();
            depths.iter().all(|depth| depth.waiting + depth.in_hand == 0)
        };
        assert!(wait_until(LIMIT, settled).await, "{:?}", self.log.queue_depths().await);
        assert_eq!(self.count("job-dead-lettered").await, 0);
    }
}

/// A program of the workspace, which `make test` builds before the tests run.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join(name);
    assert!(path.exists(), "{} is missing; run `cargo build --workspace --bins`", path.display());
    path
}

/// The checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The untrained demonstration model, made once.
fn demo_model() -> PathBuf {
    let target = program("hilum-infer").parent().unwrap().to_owned();
    let folder = target.join("demo-model");
    if !folder.join("model.toml").exists() {
        let fresh = target.join(format!("demo-model-{}", std::process::id()));
        demo::write_demo(&fresh).unwrap();
        // Another test may have been faster; its folder is the same.
        let _ = std::fs::rename(&fresh, &folder);
    }
    folder
}
