//! A whole stack: servers, definitions, model, services.

mod links;
mod options;
mod peaks;
mod servers;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::Envelope;
use hilum_log::{Log, apply};
use hilum_models::demo;
use hilum_servers::{Process, TestFolder, free_port, http_status, wait_until};
use hilum_stack::{DELIVER, DICOM, DICOMWEB, WATCH, services};
use nix::sys::signal::Signal;
use tokio::process::Command;

pub use links::Dependency;
pub use options::{Network, StackOptions, StoreKind};
pub use peaks::Peak;

use crate::s3::S3Server;
use crate::{Http, LIMIT};
use links::Links;
use servers::Servers;

/// Names a folder of the programs of another release, such as the `target/debug` of an older checkout: the second copy of each
/// service is started from there.
const OTHER_RELEASE: &str = "HILUM_OTHER_RELEASE";

/// A running stack. Its processes end with it.
pub struct Stack {
    /// The event log.
    pub log: Log,
    /// The object storage.
    pub store: BlobStore,
    /// Asks its services.
    pub http: Http,
    services: BTreeMap<String, Service>,
    environment: Vec<(String, String)>,
    links: Links,
    options: StackOptions,
    servers: Servers,
    folder: TestFolder,
}

struct Service {
    program: &'static str,
    port: u16,
    /// On which a door for DICOM listens.
    dicom_port: u16,
    process: Option<Process>,
}

impl Stack {
    /// Starts everything and waits until all services are ready.
    pub async fn start(options: StackOptions) -> Self {
        let folder = TestFolder::new().unwrap();
        let servers = Box::pin(Servers::start(folder.path(), &options)).await;
        let log = Log::connect(&servers.nats_url(0), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        Box::pin(apply(&log, &options.definitions(), options.nats_nodes)).await.unwrap();

        let store_url = servers.store_url(folder.path());
        let mut store_config = StoreConfig::at(&store_url);
        let s3_environment = servers.s3.as_ref().map(S3Server::environment).unwrap_or_default();
        store_config.options =
            s3_environment.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let store = BlobStore::open(&store_config).unwrap();

        let mut environment = s3_environment;
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        set("HILUM_STORE_URL", store_url);
        set("HILUM_MODEL", demo_model().display().to_string());
        set("HILUM_QUIET_TIME_S", options.quiet_time_s.to_string());
        // Copies share the cores, and their numbers are to be the reference's, not those of whatever is fastest today.
        let cores = std::thread::available_parallelism().map_or(1, usize::from) / options.copies;
        set("HILUM_CORES", cores.max(1).to_string());
        set("HILUM_ENGINE", "tch".to_owned());
        set("HILUM_PRECISION", "fp32".to_owned());
        // At start a pass of the largest batch is measured.
        set("HILUM_MAX_BATCH", "2".to_owned());
        if let Some(endpoint) = &options.otlp_endpoint {
            set("HILUM_OTLP_ENDPOINT", endpoint.clone());
        }
        for (name, value) in &options.environment {
            set(name, value.clone());
        }
        let mut stack = Self {
            log,
            store,
            http: Http::default(),
            services: BTreeMap::new(),
            environment,
            links: Links::default(),
            options,
            servers,
            folder,
        };
        let set = |variable: &str| stack.options.environment.iter().any(|(name, _)| *name == variable);
        let settings = [
            (DELIVER, "HILUM_TARGETS"),
            (DICOM, "HILUM_DICOM_AES"),
            (DICOMWEB, "HILUM_DICOMWEB_SENDERS"),
            (WATCH, "HILUM_WATCHES"),
        ];
        let optional: Vec<_> =
            settings.into_iter().filter(|(_, variable)| set(variable)).map(|(service, _)| service).collect();
        for program in services(&optional).filter(|name| path_of(&format!("hilum-{name}")).exists()) {
            for copy in 1..=stack.options.copies {
                let name = if copy == 1 { program.to_owned() } else { format!("{program}-{copy}") };
                stack.start_service(&name, program, &[]).await;
            }
        }
        stack.wait_ready().await;
        stack
    }

    async fn start_service(
        &mut self,
        name: &str,
        program_name: &'static str,
        environment: &[(&str, String)],
    ) {
        let before = self.services.get(name).map(|service| (service.port, service.dicom_port));
        let (port, dicom_port) = before.unwrap_or_else(|| (free_port().unwrap(), free_port().unwrap()));
        let mut command = Command::new(program_of(name, program_name));
        command.envs(self.environment.iter().cloned());
        command.env("HILUM_LISTEN", format!("127.0.0.1:{port}"));
        command.env("HILUM_DICOM_LISTEN", format!("127.0.0.1:{dicom_port}"));
        for (setting, value) in self.addresses(name).await {
            command.env(setting, value);
        }
        command.envs(environment.iter().cloned());
        let process = Process::start(name, command, &self.log_file(name)).unwrap();
        let service = Service { program: program_name, port, dicom_port, process: Some(process) };
        self.services.insert(name.to_owned(), service);
    }

    /// Where a service finds its servers.
    async fn addresses(&mut self, name: &str) -> Vec<(&'static str, String)> {
        // Copies of a service begin at different servers of a cluster.
        let node = self.services.keys().position(|other| other == name).unwrap_or(self.services.len());
        let node = node % self.options.nats_nodes;
        let mut ports = [
            (Dependency::Nats, Some(self.servers.nats_port(node))),
            (Dependency::Postgres, Some(self.servers.postgres_port())),
            (Dependency::S3, self.servers.s3.as_ref().map(S3Server::port)),
        ];
        if self.options.network == Network::Proxied {
            for (dependency, port) in &mut ports {
                if let Some(port) = port {
                    *port = self.links.port(name, *dependency, *port).await;
                }
            }
        }
        let addresses = ports.into_iter().filter_map(|(dependency, port)| {
            let port = port?;
            Some(match dependency {
                Dependency::Nats => ("HILUM_NATS_URL", format!("nats://127.0.0.1:{port}")),
                Dependency::Postgres => ("HILUM_DATABASE_URL", self.servers.database_url(port)),
                Dependency::S3 => ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            })
        });
        addresses.collect()
    }

    /// Waits until all services that were not ended are ready.
    pub async fn wait_ready(&mut self) {
        let running = self.services.iter().filter(|(_, service)| service.process.is_some());
        for name in running.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.wait_ready_one(&name).await;
        }
    }

    /// Waits until a service is ready, which must run until then.
    pub async fn wait_ready_one(&mut self, name: &str) {
        let service = self.services.get_mut(name).unwrap();
        let port = service.port;
        let ready = || async { http_status(port, "/readyz").await == Some(200) };
        let outcome = service.process.as_mut().unwrap().wait_ready(LIMIT, ready).await;
        outcome.unwrap_or_else(|error| panic!("{error}:\n{}", self.log_of(name)));
    }

    /// Ends a service by `signal` and waits until it is gone.
    pub async fn end(&mut self, name: &str, signal: Signal) {
        let service = self.services.get_mut(name).unwrap();
        let process = service.process.take().unwrap();
        process.stop(signal, Duration::from_secs(30)).await;
    }

    /// Starts a service again that was ended.
    pub async fn start_again(&mut self, name: &str) {
        self.start_again_with(name, &[]).await;
    }

    /// Starts a service again with further settings, this time only.
    pub async fn start_again_with(&mut self, name: &str, environment: &[(&str, String)]) {
        let program = self.services[name].program;
        self.start_service(name, program, environment).await;
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

    /// Where a door for DICOM listens.
    pub fn dicom_address_of(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.services[name].dicom_port)
    }

    /// The names of the services.
    pub fn services(&self) -> Vec<String> {
        self.services.keys().cloned().collect()
    }

    /// The names of the copies of a service.
    pub fn copies_of(&self, program: &str) -> Vec<String> {
        let copies = self.services.iter().filter(|(_, service)| service.program == program);
        copies.map(|(name, _)| name.clone()).collect()
    }

    /// Address of the projection's database.
    pub fn database_url(&self) -> String {
        self.servers.database_url(self.servers.postgres_port())
    }

    /// Address of a NATS server.
    pub fn nats_url(&self, node: usize) -> String {
        self.servers.nats_url(node)
    }

    /// What a service wrote to its log.
    pub fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_file(name)).unwrap_or_default()
    }

    /// Where the stack keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves its folder for people to look at, with the end of each log on standard error, and ends the stack.
    pub fn keep(self) {
        self.folder.keep();
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder().join("logs").join(format!("{name}.jsonl"))
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

    /// Nothing is waiting or in hand.
    pub async fn is_idle(&self) -> bool {
        let Ok(depths) = self.log.queue_depths().await else { return false };
        depths.iter().all(|depth| depth.waiting + depth.in_hand == 0)
    }

    /// Nothing is waiting, in hand or parked.
    pub async fn assert_settled(&self) {
        assert!(wait_until(LIMIT, || self.is_idle()).await, "{:?}", self.log.queue_depths().await);
        assert_eq!(self.count("job-dead-lettered").await, 0);
    }
}

/// The program that a service is started from: of second copies that of another release, if one is named and has it.
fn program_of(name: &str, program_name: &str) -> PathBuf {
    let file = format!("hilum-{program_name}");
    let other = std::env::var_os(OTHER_RELEASE).map(|folder| Path::new(&folder).join(&file));
    other.filter(|path| name.ends_with("-2") && path.exists()).unwrap_or_else(|| program(&file))
}

/// A program of the workspace, which `make test` builds before the tests run.
pub fn program(name: &str) -> PathBuf {
    let path = path_of(name);
    assert!(path.exists(), "{} is missing; run `cargo build --workspace --bins`", path.display());
    path
}

fn path_of(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join(name)
}

/// The checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The untrained demonstration model, made one time for each thing it may say of itself.
fn demo_model() -> PathBuf {
    let target = program("hilum-infer").parent().unwrap().to_owned();
    let says = hilum_models::sha256_hex(format!("{:?}", demo::manifest()).as_bytes());
    let folder = target.join(format!("demo-model-{}", &says[..8]));
    if !folder.join("model.toml").exists() {
        let fresh = target.join(format!("demo-model-of-{}", std::process::id()));
        demo::write_demo(&fresh).unwrap();
        // Another test may have been faster; its folder is the same.
        let _ = std::fs::rename(&fresh, &folder);
    }
    folder
}
