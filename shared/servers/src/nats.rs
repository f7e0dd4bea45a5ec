//! nats-server with JetStream in a folder, every write synced before it is acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::ports::free_port;
use crate::process::{Process, ServerError, http_status};

/// A server that was asked to stop and does nothing for so long hangs.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// What to start.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The program; by default `$HILUM_NATS_SERVER`, else `nats-server` on the PATH.
    pub program: PathBuf,
    /// Where streams and configuration are kept.
    pub folder: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Client port; a free one when `None`.
    pub port: Option<u16>,
    /// Most bytes of all streams together; as much as there is when `None`.
    pub max_file_store_bytes: Option<u64>,
    /// Most consumers of a stream; `None` for the default of the server.
    pub max_consumers: Option<u32>,
    /// Subjects under which nobody may publish.
    pub denied: Vec<String>,
    /// Its place in a cluster, if it is part of one.
    pub cluster: Option<ClusterNode>,
}

/// A server's place in a cluster on loopback.
#[derive(Debug, Clone)]
pub struct ClusterNode {
    /// Name of the server, unique in the cluster.
    pub name: String,
    /// Port for the other servers.
    pub port: u16,
    /// Such ports of all servers of the cluster.
    pub all_ports: Vec<u16>,
}

impl NatsOptions {
    /// The default program, everything in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        let program = std::env::var_os("HILUM_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let log = folder.join("nats.log");
        Self {
            program: program.into(),
            folder,
            log,
            port: None,
            max_file_store_bytes: None,
            max_consumers: None,
            denied: Vec::new(),
            cluster: None,
        }
    }

    /// The servers of a cluster of `size`, each in a folder of its own within `folder`. They are healthy only
    /// together: start them at the same time.
    ///
    /// # Errors
    /// When there are no free ports.
    pub fn cluster(folder: &Path, size: usize) -> std::io::Result<Vec<Self>> {
        let all_ports: Vec<u16> = (0..size).map(|_| free_port()).collect::<Result<_, _>>()?;
        let node = |(index, &port): (usize, &u16)| {
            let name = format!("node-{}", index + 1);
            let options = Self::in_folder(folder.join(&name));
            let cluster = ClusterNode { name, port, all_ports: all_ports.clone() };
            // Its client port stays the same when it is started again.
            Ok(Self { port: Some(free_port()?), cluster: Some(cluster), ..options })
        };
        all_ports.iter().enumerate().map(node).collect()
    }
}

/// A running nats-server.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    port: u16,
    monitor_port: u16,
}

impl NatsServer {
    /// Starts the server and waits until it is healthy, which takes the longer the more it has stored.
    ///
    /// # Errors
    /// When it can't be started or ends.
    pub fn start(options: &NatsOptions) -> BoxFuture<'_, Result<Self, ServerError>> {
        Box::pin(async move {
            let mut server = Self::launch(options)?;
            server.wait_healthy(Duration::MAX).await?;
            Ok(server)
        })
    }

    /// Starts the server without waiting for it: it may have much to recover, and a cluster's server is not healthy
    /// before most of them run.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn launch(options: &NatsOptions) -> Result<Self, ServerError> {
        let prepare = |source| ServerError::Prepare { path: options.folder.clone(), source };
        std::fs::create_dir_all(&options.folder).map_err(prepare)?;
        let port = options.port.map_or_else(free_port, Ok).map_err(prepare)?;
        let monitor_port = free_port().map_err(prepare)?;
        let config = options.folder.join("nats.conf");
        std::fs::write(&config, configuration(options, port, monitor_port)).map_err(prepare)?;

        let mut command = Command::new(&options.program);
        command.arg("-c").arg(&config);
        let process = Process::start("nats-server", command, &options.log)?;
        Ok(Self { process, port, monitor_port })
    }

    /// Waits until it is healthy, `limit` at most; `Duration::MAX` is none.
    ///
    /// # Errors
    /// When it ended or is not healthy in time.
    pub fn wait_healthy(&mut self, limit: Duration) -> BoxFuture<'_, Result<(), ServerError>> {
        Box::pin(async move {
            let monitor_port = self.monitor_port;
            let healthy = || async move { http_status(monitor_port, "/healthz").await == Some(200) };
            self.process.wait_ready(limit, healthy).await
        })
    }

    /// Address for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Client port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Port of the monitoring pages.
    pub fn monitor_port(&self) -> u16 {
        self.monitor_port
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it cleanly.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.end(Signal::SIGTERM).await;
        })
    }

    /// Ends it by `signal` and waits until it is gone. On its way down it writes the index that spares the next start
    /// to read all it has stored.
    pub fn end(self, signal: Signal) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.process.stop_when_done(signal, IDLE_LIMIT).await;
        })
    }
}

fn configuration(options: &NatsOptions, port: u16, monitor_port: u16) -> String {
    let store = options.folder.join("jetstream");
    let server_name = options.cluster.as_ref().map_or("hilum", |node| &node.name);
    let room = options.max_file_store_bytes.map(|bytes| format!("  max_file_store: {bytes}\n"));
    let consumers =
        options.max_consumers.map(|count| format!("  limits {{ default_max_consumers: {count} }}\n"));
    // Events are up to 1 MiB, dead letters up to 4 MiB.
    format!(
        "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor_port}\nserver_name: {server_name}\nmax_payload: 8MB\n\
         jetstream {{\n  store_dir: \"{}\"\n  sync_interval: always\n{}{}}}\n{}{}",
        store.display(),
        room.unwrap_or_default(),
        consumers.unwrap_or_default(),
        permissions(&options.denied),
        options.cluster.as_ref().map(ClusterNode::configuration).unwrap_or_default()
    )
}

/// The permissions of clients: anything but publishing on the subjects `denied`.
fn permissions(denied: &[String]) -> String {
    if denied.is_empty() {
        return String::new();
    }
    format!(
        "authorization {{ users = [{{ user: anybody, password: anything, permissions: {{ publish: {{ deny: {denied:?} }} }} }}] \
         }}\nno_auth_user: anybody\n"
    )
}

impl ClusterNode {
    fn configuration(&self) -> String {
        let routes: Vec<_> = self.all_ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        format!(
            "cluster {{\n  name: hilum\n  listen: 127.0.0.1:{}\n  routes: [{}]\n}}\n",
            self.port,
            routes.join(", ")
        )
    }
}
