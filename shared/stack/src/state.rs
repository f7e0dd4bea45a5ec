//! `stack.json`: what runs in a state folder. Written by the supervisor alone, as a whole, so that a reader
//! never sees half of it; read by the other commands and by the next start.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::folder::StateFolder;
use super::process_id::ProcessId;
use super::versions::Versions;
use crate::error::Error;

/// How far the stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Parts are being started.
    Starting,
    /// Uploads are taken; other parts still catch up, or end again and again.
    Open,
    /// All parts were ready at once.
    Ready,
    /// Parts are being stopped.
    Stopping,
    /// Nothing runs; the ports are kept for the next start.
    Stopped,
}

/// One process of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// `nats-server`, `postgres` or a service, `infer-2` for its second worker.
    pub name: String,
    /// The process, while it runs.
    #[serde(flatten)]
    pub process: Option<ProcessId>,
    /// Its port on loopback; 0 while it was never started.
    pub port: u16,
    /// How often it ended by itself and was started again.
    pub restarts: u32,
    /// The file of its log.
    pub log: PathBuf,
}

/// The whole stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackState {
    /// How far it is.
    pub status: Status,
    /// The process of the supervisor.
    pub pid: u32,
    /// Where the API is.
    pub base_url: String,
    /// Port of the base URL.
    pub port: u16,
    /// Client port of NATS.
    pub nats_port: u16,
    /// Port of Postgres.
    pub postgres_port: u16,
    /// Port for DICOM, if it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dicom_port: Option<u16>,
    /// Where object stores send notifications, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications_url: Option<String>,
    /// Where objects are sent by DICOMweb, if they are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dicomweb_url: Option<String>,
    /// URL of the object storage.
    pub store_url: String,
    /// The folder of the model.
    pub model: PathBuf,
    /// The model has random weights: what it says means nothing.
    pub untrained: bool,
    /// When the supervisor started.
    pub started_at: Timestamp,
    /// The versions of the programs that run.
    pub versions: Versions,
    /// All processes but the supervisor.
    pub parts: Vec<PartState>,
}

impl StackState {
    /// The state of the stack that runs or last ran in `folder`; `None` when none ever did.
    pub fn read(folder: &StateFolder) -> Result<Option<Self>, Error> {
        let path = folder.state_file();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", path)(error)),
        };
        let state = serde_json::from_slice(&text);
        state.map(Some).map_err(|error| Error::Content { path, reason: error.to_string() })
    }

    /// Replaces the state file.
    pub fn write(&self, folder: &StateFolder) -> Result<(), Error> {
        let path = folder.state_file();
        let fresh = path.with_extension("json.new");
        let replace = || {
            let mut file = File::create(&fresh)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        replace().map_err(Error::file("write", &path))
    }

    /// Where images can be sent besides the API, a line each.
    pub fn other_ways_in(&self) -> Vec<String> {
        let dicom = self.dicom_port.map(|port| format!("DICOM is taken on port {port} of 127.0.0.1"));
        let dicomweb = self.dicomweb_url.as_ref().map(|url| format!("DICOMweb is taken at {url}"));
        let notified = self.notifications_url.as_ref();
        let notified = notified.map(|url| format!("object stores send notifications to {url}"));
        dicom.into_iter().chain(dicomweb).chain(notified).collect()
    }

    /// Address of NATS for clients.
    pub fn nats_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.nats_port)
    }
}

#[cfg(test)]
pub(crate) fn sample() -> StackState {
    StackState {
        status: Status::Ready,
        pid: 4711,
        base_url: "http://127.0.0.1:8080".to_owned(),
        port: 8080,
        nats_port: 4222,
        postgres_port: 5432,
        dicom_port: None,
        notifications_url: None,
        dicomweb_url: None,
        store_url: "file:///tmp/objects".to_owned(),
        model: "/tmp/model".into(),
        untrained: true,
        started_at: Timestamp::UNIX_EPOCH,
        versions: Versions::default(),
        parts: vec![PartState {
            name: "ingest".to_owned(),
            process: None,
            port: 9000,
            restarts: 2,
            log: "/tmp/logs/ingest.jsonl".into(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_as_it_was_written_and_nothing_else_is_left() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        assert_eq!(StackState::read(&folder).unwrap(), None);
        let mut state = sample();
        state.write(&folder).unwrap();
        state.parts[0].process = ProcessId::of(std::process::id());
        assert!(state.parts[0].process.is_some());
        state.write(&folder).unwrap();
        assert_eq!(StackState::read(&folder).unwrap(), Some(state));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_state_file_is_named() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        fs::write(folder.state_file(), "{").unwrap();
        let error = StackState::read(&folder).unwrap_err();
        assert!(error.to_string().contains("stack.json"), "{error}");
    }
}
