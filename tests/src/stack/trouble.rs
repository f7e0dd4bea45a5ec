//! What can be done to a running stack: servers and services killed, stopped, cut off, short of disk.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use hilum_events::Sha256Digest;
use hilum_log::{FLOORS_RECORD, Floors, apply_knowing};
use hilum_servers::http_status;
use nix::sys::signal::Signal;
use object_store::aws::AmazonS3;
use serde_json::Value;

use crate::LIMIT;
use crate::proxy::Weather;
use crate::s3::S3Mood;
use crate::stack::{Dependency, Stack};

impl Stack {
    /// Kills nats-server.
    pub async fn kill_nats(&mut self) {
        self.end_nats_node(0, Signal::SIGKILL).await;
    }

    /// Starts nats-server again.
    pub async fn start_nats_again(&mut self) {
        self.start_nats_node(0).await;
    }

    /// Starts nats-server again, whose store was changed; `false` when it does not recover within `limit`.
    pub async fn nats_recovers_within(&mut self, limit: Duration) -> bool {
        self.servers.launch_nats(0);
        self.servers.is_nats_healthy_within(0, limit).await
    }

    /// Starts nats-server again, which takes so long to recover, and does not wait for it.
    pub fn launch_slow_nats(&mut self, recovers_s: u32) {
        let script = self.folder().join("slow-nats-server");
        self.servers.launch_nats_within(0, |options| {
            let real = options.program.display();
            std::fs::write(&script, format!("#!/bin/sh\nsleep {recovers_s}\nexec {real} \"$@\"\n")).unwrap();
            std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
            options.program = script;
        });
    }

    /// Waits until nats-server is healthy, which was launched.
    pub async fn wait_nats_healthy(&mut self) {
        self.servers.wait_nats_healthy(0).await;
    }

    /// Ends a server of the cluster.
    pub async fn end_nats_node(&mut self, node: usize, signal: Signal) {
        self.servers.end_nats(node, signal).await;
    }

    /// Starts a server of the cluster again and waits until it is healthy.
    pub async fn start_nats_node(&mut self, node: usize) {
        self.servers.launch_nats(node);
        self.servers.wait_nats_healthy(node).await;
    }

    /// Starts several servers of the cluster again, which are healthy only together.
    pub async fn start_nats_nodes(&mut self, nodes: &[usize]) {
        for node in nodes {
            self.servers.launch_nats(*node);
        }
        for node in nodes {
            self.servers.wait_nats_healthy(*node).await;
        }
    }

    /// Where a server of the cluster keeps what it has.
    pub fn nats_folder(&self, node: usize) -> &Path {
        self.servers.nats_folder(node)
    }

    /// Throws away all that an ended server of the cluster had stored.
    pub fn wipe_nats_node(&self, node: usize) {
        std::fs::remove_dir_all(self.servers.nats_folder(node).join("jetstream")).unwrap();
    }

    /// Starts nats-server again with room for so many bytes more than it holds.
    pub async fn restart_nats_with_room_for(&mut self, bytes: u64) {
        let url = format!("{}/jsz", self.servers.monitor_url(0));
        let page: Value = hilum_runtime::http_client()
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let used = page["storage"].as_u64().unwrap();
        self.kill_nats().await;
        self.servers.launch_nats_within(0, |options| options.max_file_store_bytes = Some(used + bytes));
        self.servers.wait_nats_healthy(0).await;
    }

    /// Kills Postgres.
    pub async fn kill_postgres(&mut self) {
        self.servers.kill_postgres().await;
    }

    /// Starts Postgres again.
    pub async fn start_postgres_again(&mut self) {
        self.servers.start_postgres().await;
    }

    /// Ends the S3 server, connections included; gives its port.
    pub fn end_s3(&mut self) -> u16 {
        self.servers.end_s3()
    }

    /// Starts the S3 server again.
    pub async fn start_s3_again(&mut self, port: u16) {
        self.servers.start_s3(port).await;
    }

    /// The bucket that its watches look into.
    pub fn watched_bucket(&self) -> AmazonS3 {
        self.servers.s3.as_ref().expect("a stack with S3").other_bucket()
    }

    /// Changes what the S3 server can do from now on.
    pub fn set_s3(&self, mood: S3Mood) {
        self.servers.s3.as_ref().expect("a stack with S3").set(mood);
    }

    /// The file in which the S3 server keeps a content.
    pub fn object_file(&self, content: &Sha256Digest) -> PathBuf {
        let digits = content.to_string();
        self.servers.objects().join("sha256").join(&digits[..2]).join(digits)
    }

    /// Sends a signal to a service and does not wait.
    pub fn signal(&self, name: &str, signal: Signal) {
        self.services[name].process.as_ref().expect("it runs").signal(signal);
    }

    /// Stops a service in the middle of whatever it does; it stands still when this returns.
    pub fn freeze(&self, name: &str) {
        self.services[name].process.as_ref().expect("it runs").freeze();
    }

    /// Waits until a service has ended by itself; `false` when it did not within `limit`, and then it is killed.
    pub async fn ends_by_itself(&mut self, name: &str, limit: Duration) -> bool {
        let process = self.services.get_mut(name).unwrap().process.as_mut().expect("it was started");
        let ended = tokio::time::timeout(limit, process.wait()).await.is_ok();
        self.end(name, Signal::SIGKILL).await;
        ended
    }

    /// Whether a service has ended by itself.
    pub fn has_ended(&mut self, name: &str) -> bool {
        let process = self.services.get_mut(name).unwrap().process.as_mut().expect("it was started");
        process.wait().now_or_never().is_some()
    }

    /// Waits until all services are ready, which must run, and starts those again that end by themselves until then, as their
    /// supervisor would.
    pub async fn wait_ready_supervised(&mut self) {
        let begun = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(200));
        for name in self.services() {
            while http_status(self.services[&name].port, "/readyz").await != Some(200) {
                assert!(begun.elapsed() < LIMIT, "{name} is not ready:\n{}", self.log_of(&name));
                if self.has_ended(&name) {
                    self.end(&name, Signal::SIGKILL).await;
                    self.start_again(&name).await;
                }
                looks.tick().await;
            }
        }
    }

    /// Changes the weather between `dependency` and the services that `concerns` names.
    pub fn weather(&self, dependency: Dependency, weather: Weather, concerns: impl Fn(&str) -> bool) {
        self.links.set(dependency, weather, concerns);
    }

    /// Kills nats-server and starts it again with no more consumers than it has durable ones.
    pub async fn restart_nats_without_room_for_consumers(&mut self, consumers: u32) {
        self.kill_nats().await;
        self.servers.launch_nats_within(0, |options| options.max_consumers = Some(consumers));
        self.servers.wait_nats_healthy(0).await;
    }

    /// Brings streams and consumers to their definitions again; a consumer that is missing begins where it stood.
    pub async fn apply_definitions(&self) {
        let record = self.store.read_record(FLOORS_RECORD).await.unwrap();
        let floors = Floors::read(record.as_deref()).unwrap();
        let definitions = self.options.definitions();
        apply_knowing(&self.log, &definitions, self.options.nats_nodes, Some(&floors)).await.unwrap();
    }
}
