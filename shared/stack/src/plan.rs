//! Which parts a stack has and how they are wired to each other.

use std::path::PathBuf;

use hilum_servers::{NatsOptions, PostgresOptions};

use super::folder::StateFolder;
use super::part::{Launch, Part, ServiceLaunch};
use super::ports::PortCell;
use super::probe::{ProbeKind, Probes};
use super::programs::{self, DICOMWEB, DOOR, NATS, WATCH, program_of, services, sibling};
use super::settings::UpSettings;
use super::state::StackState;
use super::vitals::Vitals;
use crate::error::Error;

/// Everything that will run.
pub(crate) struct Plan {
    /// NATS, Postgres, then the services.
    pub(crate) parts: Vec<Part>,
    /// How they are asked for their health.
    pub(crate) probes: Probes,
    /// Where uploads go.
    pub(crate) ingest: PortCell,
    /// Where questions go.
    pub(crate) projection: PortCell,
    /// Where object stores send notifications, if there are watches.
    pub(crate) watch: PortCell,
    /// Where objects are sent by DICOMweb, if they are taken.
    pub(crate) dicomweb: PortCell,
}

impl Plan {
    /// The parts of the stack that `state` describes.
    ///
    /// # Errors
    /// When a program is missing.
    pub(crate) fn new(
        folder: &StateFolder,
        settings: &UpSettings,
        state: &StackState,
    ) -> Result<Self, Error> {
        let mut plan = Self {
            parts: Vec::new(),
            probes: Probes::default(),
            ingest: PortCell::default(),
            projection: PortCell::default(),
            watch: PortCell::default(),
            dicomweb: PortCell::default(),
        };
        plan.add_servers(folder, state);
        for service in services(&settings.optional_services()) {
            let program = sibling(&program_of(service))?;
            let copies = if service == "infer" { settings.infer_workers } else { 1 };
            for copy in 1..=copies {
                let name = if copy == 1 { service.to_owned() } else { format!("{service}-{copy}") };
                let port = match service {
                    DOOR => plan.ingest.clone(),
                    "projection" => plan.projection.clone(),
                    WATCH => plan.watch.clone(),
                    DICOMWEB => plan.dicomweb.clone(),
                    _ => PortCell::default(),
                };
                let launch = ServiceLaunch { program: program.clone(), environment: Vec::new() };
                let log = folder.log_of(&name);
                plan.add(&name, Launch::Service(launch), log, port);
            }
        }
        Ok(plan)
    }

    fn add_servers(&mut self, folder: &StateFolder, state: &StackState) {
        let log = folder.plain_log_of("nats-server");
        let nats =
            NatsOptions { log: log.clone(), port: Some(state.nats_port), ..programs::nats(folder.nats()) };
        self.add(NATS, Launch::Nats(nats), log, PortCell::default());
        let log = folder.plain_log_of("postgres");
        let postgres = PostgresOptions {
            log: log.clone(),
            port: Some(state.postgres_port),
            ..programs::postgres(folder.postgres())
        };
        self.add("postgres", Launch::Postgres(postgres), log, PortCell::default());
    }

    fn add(&mut self, name: &str, launch: Launch, log: PathBuf, port: PortCell) {
        let kind = match launch {
            Launch::Nats(_) => ProbeKind::Nats,
            Launch::Postgres(_) => ProbeKind::Postgres,
            Launch::Service(_) => ProbeKind::Service,
        };
        let vitals = Vitals::default();
        self.probes.add(name, kind, port.clone(), vitals.clone());
        self.parts.push(Part::new(name, launch, log, port, vitals));
    }
}

/// The settings that all services get, each takes what it needs.
pub(crate) fn environment(
    settings: &UpSettings,
    state: &StackState,
    database_url: String,
) -> Vec<(&'static str, String)> {
    let mut environment = vec![
        ("HILUM_NATS_URL", state.nats_url()),
        ("HILUM_STORE_URL", state.store_url.clone()),
        ("HILUM_DATABASE_URL", database_url),
        ("HILUM_MODEL", state.model.display().to_string()),
    ];
    // Workers share the cores, unless somebody knows better: more threads than cores only wait for one another.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = (cores / usize::from(settings.infer_workers.max(1))).max(1);
    if std::env::var_os("HILUM_CORES").is_none() {
        environment.push(("HILUM_CORES", cores.to_string()));
    }
    let openvino = programs::openvino_library().map(|library| library.display().to_string());
    environment.extend(openvino.map(|library| ("HILUM_OPENVINO_LIBRARY", library)));
    environment
        .extend(settings.quiet_time_s.map(|quiet| ("HILUM_QUIET_TIME_S", quiet.as_secs_f64().to_string())));
    environment.extend(state.dicom_port.map(|port| ("HILUM_DICOM_LISTEN", format!("127.0.0.1:{port}"))));
    environment.extend(settings.dicomweb_read.clone().map(|what| ("HILUM_DICOMWEB_READ", what)));
    let files = [
        ("HILUM_SITES", &settings.sites),
        ("HILUM_TARGETS", &settings.targets),
        ("HILUM_DICOM_AES", &settings.dicom_aes),
        ("HILUM_DICOMWEB_SENDERS", &settings.dicomweb_senders),
        ("HILUM_WATCHES", &settings.watches),
        ("HILUM_WATCH_TOKEN_FILE", &settings.watch_token_file),
    ];
    let named =
        files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?.display().to_string())));
    environment.extend(named);
    environment.extend(settings.otlp_endpoint.clone().map(|url| ("HILUM_OTLP_ENDPOINT", url)));
    environment
}
