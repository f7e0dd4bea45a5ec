//! A log, a folder of objects, and the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::{Envelope, ImageStored};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_servers::{Process, free_port, http_status, tail, wait_until};
use hilum_test_log::{LIMIT, TestLog, memory_bytes, metric};
use nix::sys::signal::Signal;

/// The door and what it needs.
pub(crate) struct Bench {
    pub(crate) log: TestLog,
    pub(crate) port: u16,
    http_port: u16,
    door: Option<Process>,
    settings: Vec<(&'static str, String)>,
}

impl Bench {
    /// With the one title HILUM for everybody.
    pub(crate) async fn start() -> Self {
        Self::start_with("", &[]).await
    }

    /// With these titles, and with these settings besides.
    pub(crate) async fn start_with(titles: &str, settings: &[(&'static str, &str)]) -> Self {
        let log = TestLog::start().await;
        let folder = log.folder.path().to_owned();
        let mut own = log.door_settings();
        own.push(("HILUM_DECODER", DecoderConfig::sibling().unwrap().program.display().to_string()));
        own.push(("HILUM_LOG", "info,hilum_dicom_door=debug".to_owned()));
        if !titles.is_empty() {
            let file = folder.join("titles.toml");
            std::fs::write(&file, titles).unwrap();
            own.push(("HILUM_DICOM_AES", file.display().to_string()));
        }
        own.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut bench = Self { log, port: 0, http_port: 0, door: None, settings: own };
        bench.open().await;
        bench
    }

    /// Starts the door, on other ports than before.
    pub(crate) async fn open(&mut self) {
        (self.port, self.http_port) = (free_port().unwrap(), free_port().unwrap());
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hilum-dicom"));
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command.env("HILUM_DICOM_LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("HILUM_LISTEN", format!("127.0.0.1:{}", self.http_port));
        let log = self.log_file();
        self.door = Some(Process::start("hilum-dicom", command, &log).unwrap());
        let port = self.http_port;
        let is_ready = wait_until(LIMIT, || async { http_status(port, "/readyz").await == Some(200) }).await;
        assert!(is_ready, "not ready: {}", tail(&log, 0, 60));
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.log.folder.path().join("hilum-dicom.log")
    }

    pub(crate) fn process(&self) -> &Process {
        self.door.as_ref().unwrap()
    }

    /// Stops it by `signal`, as `kill` does, and waits until it is gone.
    pub(crate) async fn end(&mut self, signal: Signal) -> Option<std::process::ExitStatus> {
        self.door.take().unwrap().stop(signal, Duration::from_secs(30)).await
    }

    /// Bytes that it holds in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        memory_bytes(self.process().pid().unwrap())
    }

    /// The facts of all images that are there, in the order of the log.
    pub(crate) async fn stored(&self) -> Vec<(Envelope, ImageStored)> {
        self.log.stored().await
    }

    /// Takes an object out of the storage.
    pub(crate) fn lose_object(&self, stored: &ImageStored) {
        std::fs::remove_file(self.log.objects().join(&stored.image.blob.key)).unwrap();
    }

    /// Waits until a metric has this value.
    pub(crate) async fn metric_reaches(&self, name: &str, value: f64) {
        let is_reached = wait_until(LIMIT, || async { self.metric(name).await >= value }).await;
        assert!(is_reached, "{name}: {}", tail(&self.log_file(), 0, 60));
    }

    /// The bytes of an image that is there.
    pub(crate) fn object(&self, stored: &ImageStored) -> Vec<u8> {
        self.log.object(stored)
    }

    /// What its page shows of a metric with this beginning.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        metric(self.http_port, line).await
    }
}

/// A sample of the repository.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    std::fs::read(data.join(name)).unwrap()
}

/// Asks what a file is, beside the door.
pub(crate) fn decoder() -> DecoderPool {
    DecoderPool::new(DecoderConfig { size: 1, ..DecoderConfig::sibling().unwrap() })
}
