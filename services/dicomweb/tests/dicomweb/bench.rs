//! A log, a folder of objects, and the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::{Envelope, ImageStored};
use hilum_imaging::DecoderConfig;
use hilum_servers::{Process, free_port, http_status, tail, wait_until};
use hilum_test_log::{LIMIT, TestLog, memory_bytes};
use nix::sys::signal::Signal;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

pub(crate) const BOUNDARY: &str = "--part of a study--";
pub(crate) const CHEST: &str = "images/chest_mhh_19073f37.dcm";
pub(crate) const SMALL: &str = "encodings/grey8_explicit.dcm";

/// The door and what it needs.
pub(crate) struct Bench {
    pub(crate) log: TestLog,
    pub(crate) port: u16,
    door: Option<Process>,
    settings: Vec<(&'static str, String)>,
}

/// What the answer says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) warning: String,
    pub(crate) retry_after: Option<String>,
    /// Instances that are stored.
    pub(crate) stored: Vec<String>,
    /// Instances that are not, and why.
    pub(crate) failed: Vec<(String, u64)>,
    /// Why others are not.
    pub(crate) unnamed: Vec<u64>,
    pub(crate) text: String,
}

impl Bench {
    pub(crate) async fn start(settings: &[(&'static str, &str)]) -> Self {
        let log = TestLog::start().await;
        let mut own = log.door_settings();
        own.push(("HILUM_DECODER", DecoderConfig::sibling().unwrap().program.display().to_string()));
        own.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut bench = Self { log, port: 0, door: None, settings: own };
        bench.open().await;
        bench
    }

    /// With a file of senders, whose tokens are their names, four times.
    pub(crate) async fn start_for(senders: &[(&str, &str)], settings: &[(&'static str, &str)]) -> Self {
        let folder = hilum_servers::TestFolder::new().unwrap();
        let mut file = String::new();
        for (name, more) in senders {
            std::fs::write(folder.path().join(name), token(name)).unwrap();
            file += &format!("[[sender]]\nname = '{name}'\ntoken_file = '{name}'\n{more}\n");
        }
        let path = folder.path().join("senders.toml");
        std::fs::write(&path, file).unwrap();
        let path = path.display().to_string();
        let mut all = vec![("HILUM_DICOMWEB_SENDERS", path.as_str())];
        all.extend(settings);
        Self::start(&all).await
    }

    /// Starts the door, on another port than before.
    pub(crate) async fn open(&mut self) {
        self.port = free_port().unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hilum-dicomweb"));
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command.env("HILUM_LISTEN", format!("127.0.0.1:{}", self.port));
        let log = self.log_file();
        self.door = Some(Process::start("hilum-dicomweb", command, &log).unwrap());
        let port = self.port;
        let is_ready = wait_until(LIMIT, || async { http_status(port, "/readyz").await == Some(200) }).await;
        assert!(is_ready, "not ready: {}", tail(&log, 0, 60));
    }

    pub(crate) async fn end(&mut self, signal: Signal) {
        self.door.take().unwrap().stop(signal, Duration::from_secs(30)).await;
    }

    pub(crate) fn door_pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.door.as_ref().unwrap().pid().unwrap()).unwrap())
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.log.folder.path().join("hilum-dicomweb.log")
    }

    /// Bytes that it holds in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        memory_bytes(self.door.as_ref().unwrap().pid().unwrap())
    }

    pub(crate) fn client() -> Client {
        hilum_runtime::http_client().no_proxy().build().unwrap()
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}/dicom-web/studies{rest}", self.port)
    }

    /// A request with these files, to be sent to this address below that of all studies.
    pub(crate) fn request(&self, rest: &str, files: &[&[u8]]) -> RequestBuilder {
        let parts = format!("multipart/related; type=\"application/dicom\"; boundary=\"{BOUNDARY}\"");
        Self::client().post(self.url(rest)).header("content-type", parts).body(body(files))
    }

    /// Sends these files.
    pub(crate) async fn store(&self, files: &[&[u8]]) -> Answer {
        Answer::of(self.request("", files).send().await.unwrap()).await
    }

    /// The facts of all images that are there, in the order of the log.
    pub(crate) async fn stored(&self) -> Vec<(Envelope, ImageStored)> {
        self.log.stored().await
    }

    /// The bytes of an image that is there.
    pub(crate) fn object(&self, stored: &ImageStored) -> Vec<u8> {
        self.log.object(stored)
    }

    /// Files that the store holds and no fact names.
    pub(crate) fn incoming(&self) -> usize {
        std::fs::read_dir(self.log.objects().join("incoming")).map_or(0, Iterator::count)
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (warning, retry_after) = (header("warning").unwrap_or_default(), header("retry-after"));
        let is_answer = header("content-type").as_deref() == Some("application/dicom+json");
        let text = response.text().await.unwrap();
        let all: Value = if is_answer { serde_json::from_str(&text).unwrap() } else { Value::Null };
        let items = |tag: &str| all[tag]["Value"].as_array().cloned().unwrap_or_default();
        let instance = |item: &Value| item["00081155"]["Value"][0].as_str().unwrap().to_owned();
        let reason = |item: &Value| item["00081197"]["Value"][0].as_u64().unwrap();
        Self {
            status,
            warning,
            retry_after,
            stored: items("00081199").iter().map(instance).collect(),
            failed: items("00081198").iter().map(|item| (instance(item), reason(item))).collect(),
            unnamed: items("0008119A").iter().map(reason).collect(),
            text,
        }
    }
}

/// The token of a sender.
pub(crate) fn token(name: &str) -> String {
    format!("{name}-{name}-{name}-{name}-token")
}

/// A body of these files.
pub(crate) fn body(files: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend(format!("--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n").into_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

/// A sample of the repository.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    std::fs::read(data.join(name)).unwrap()
}
