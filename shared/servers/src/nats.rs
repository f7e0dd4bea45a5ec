//! nats-server with JetStream in a folder, every write synced before it is acknowledged.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::process::{Process, ServerError, free_port, http_status};

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
}

impl NatsOptions {
    /// The default program, everything in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        let program = std::env::var_os("HILUM_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let log = folder.join("nats.log");
        Self { program: program.into(), folder, log, port: None }
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
    /// Starts the server and waits until it is healthy.
    ///
    /// # Errors
    /// When it can't be started or is not healthy in time.
    pub async fn start(options: &NatsOptions) -> Result<Self, ServerError> {
        let prepare = |source| ServerError::Prepare { path: options.folder.clone(), source };
        std::fs::create_dir_all(&options.folder).map_err(prepare)?;
        let port = options.port.map_or_else(free_port, Ok).map_err(prepare)?;
        let monitor_port = free_port().map_err(prepare)?;
        let config = options.folder.join("nats.conf");
        std::fs::write(&config, configuration(options, port, monitor_port)).map_err(prepare)?;

        let mut command = Command::new(&options.program);
        command.arg("-c").arg(&config);
        let mut process = Process::start("nats-server", command, &options.log)?;
        let healthy = || async move { http_status(monitor_port, "/healthz").await == Some(200) };
        process.wait_ready(Duration::from_secs(60), healthy).await?;
        Ok(Self { process, port, monitor_port })
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
    pub async fn stop(self) {
        self.process.stop(Signal::SIGTERM, Duration::from_secs(20)).await;
    }
}

fn configuration(options: &NatsOptions, port: u16, monitor_port: u16) -> String {
    let store = options.folder.join("jetstream");
    // Events are up to 1 MiB, dead letters up to 4 MiB.
    format!(
        "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor_port}\nserver_name: hilum\nmax_payload: 8MB\n\
         jetstream {{\n  store_dir: \"{}\"\n  sync_interval: always\n}}\n",
        store.display()
    )
}
