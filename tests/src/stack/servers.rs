//! The servers of a stack: NATS (one or a cluster), Postgres, S3. Each can be killed and started again where it was.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use hilum_servers::{NatsOptions, NatsServer, Postgres, PostgresOptions};
use nix::sys::signal::Signal;

use crate::s3::S3Server;
use crate::stack::options::{StackOptions, StoreKind};
use crate::until_some;

/// How long the servers of a cluster may take to agree.
const AGREE: Duration = Duration::from_secs(60);

pub(super) struct Servers {
    nats: Vec<NatsNode>,
    postgres: Option<Postgres>,
    postgres_options: PostgresOptions,
    postgres_port: u16,
    postgres_password: String,
    pub(super) s3: Option<S3Server>,
    s3_folder: PathBuf,
}

struct NatsNode {
    options: NatsOptions,
    server: Option<NatsServer>,
}

impl Servers {
    pub(super) async fn start(folder: &Path, options: &StackOptions) -> Self {
        let nats_options = if options.nats_nodes == 1 {
            vec![NatsOptions::in_folder(folder.join("nats"))]
        } else {
            NatsOptions::cluster(&folder.join("nats"), options.nats_nodes).unwrap()
        };
        let nats = join_all(nats_options.into_iter().map(|options| async move {
            let server = NatsServer::start(&options).await.unwrap();
            let options = NatsOptions { port: Some(server.port()), ..options };
            NatsNode { options, server: Some(server) }
        }))
        .await;
        let postgres_options = PostgresOptions::in_folder(folder.join("postgres"));
        let postgres = Postgres::start(&postgres_options).await.unwrap();
        let postgres_port = postgres.port();
        let postgres_options = PostgresOptions { port: Some(postgres_port), ..postgres_options };
        let s3_folder = folder.join("s3");
        let s3 = match options.store {
            StoreKind::Folder => None,
            StoreKind::S3 => Some(S3Server::start(&s3_folder).await),
        };
        Self {
            nats,
            postgres_password: password_in(&postgres.url("postgres")),
            postgres: Some(postgres),
            postgres_options,
            postgres_port,
            s3,
            s3_folder,
        }
    }

    pub(super) fn nats_url(&self, node: usize) -> String {
        format!("nats://127.0.0.1:{}", self.nats_port(node))
    }

    pub(super) fn nats_port(&self, node: usize) -> u16 {
        self.nats[node].options.port.expect("set at start")
    }

    pub(super) fn monitor_url(&self, node: usize) -> String {
        let server = self.nats[node].server.as_ref().expect("asked only while it runs");
        format!("http://127.0.0.1:{}", server.monitor_port())
    }

    pub(super) fn nats_folder(&self, node: usize) -> &Path {
        &self.nats[node].options.folder
    }

    pub(super) fn postgres_port(&self) -> u16 {
        self.postgres_port
    }

    pub(super) fn database_url(&self, port: u16) -> String {
        format!("postgres://hilum:{}@127.0.0.1:{port}/postgres", self.postgres_password)
    }

    pub(super) fn store_url(&self, folder: &Path) -> String {
        match &self.s3 {
            None => format!("file://{}", folder.join("objects").display()),
            Some(_) => S3Server::url(),
        }
    }

    /// The folder in which the S3 server keeps its objects.
    pub(super) fn objects(&self) -> PathBuf {
        S3Server::objects(&self.s3_folder)
    }

    pub(super) async fn end_nats(&mut self, node: usize, signal: Signal) {
        let server = self.nats[node].server.take().expect("it runs");
        server.end(signal).await;
    }

    /// Starts it without waiting until it is healthy.
    pub(super) fn launch_nats(&mut self, node: usize) {
        self.launch_nats_within(node, |_| {});
    }

    /// As [`Self::launch_nats`], with limits this time only.
    pub(super) fn launch_nats_within(&mut self, node: usize, limit: impl FnOnce(&mut NatsOptions)) {
        let mut options = self.nats[node].options.clone();
        limit(&mut options);
        self.nats[node].server = Some(NatsServer::launch(&options).unwrap());
    }

    pub(super) async fn wait_nats_healthy(&mut self, node: usize) {
        assert!(self.is_nats_healthy_within(node, AGREE).await, "nats-server is not healthy");
    }

    pub(super) async fn is_nats_healthy_within(&mut self, node: usize, limit: Duration) -> bool {
        let server = self.nats[node].server.as_mut().expect("launched before");
        server.wait_healthy(limit).await.is_ok()
    }

    /// Its children notice soon and end too.
    pub(super) async fn kill_postgres(&mut self) {
        let mut postgres = self.postgres.take().expect("it runs");
        postgres.process().signal(Signal::SIGKILL);
        postgres.process().wait().await.unwrap();
    }

    /// Waits for what is left of a killed one, whose shared memory forbids a second.
    pub(super) async fn start_postgres(&mut self) {
        let options = &self.postgres_options;
        let postgres = until_some("Postgres", || async { Postgres::start(options).await.ok() }).await;
        self.postgres = Some(postgres);
    }

    pub(super) fn end_s3(&mut self) -> u16 {
        self.s3.take().expect("it runs").port()
    }

    pub(super) async fn start_s3(&mut self, port: u16) {
        self.s3 = Some(S3Server::start_on(port, &self.s3_folder).await);
    }
}

fn password_in(url: &str) -> String {
    let rest = url.split_once("hilum:").expect("made by our own code").1;
    rest.split_once('@').expect("made by our own code").0.to_owned()
}
