//! A projection with DICOM objects, made here or taken from files, and a client.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use hilum_events::samples::{at, image_taken_out, job_id, site, study_id};
use hilum_events::{Envelope, Event, ImageStored, MediaType, Priority, StoredImage};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_projection::dicomweb::access::Access;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::harness::{Copy, World};

/// Stands in headers of patients, and may stand nowhere else.
pub(super) const CANARY: &str = "CANARYNAME";
/// Likewise, as a number.
pub(super) const CANARY_ID: &str = "CANARY4711";

pub(super) struct Bench {
    pub(super) world: World,
    pub(super) copy: Copy,
    decoder: DecoderPool,
    jobs: u128,
}

/// An object of a patient.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) study: &'static str,
    pub(super) series: &'static str,
    pub(super) instance: &'static str,
    pub(super) modality: &'static str,
    pub(super) patient: &'static str,
    pub(super) patient_id: &'static str,
    pub(super) study_date: &'static str,
    pub(super) burned_in: &'static str,
    /// The value of all 8 × 4 pixels.
    pub(super) grey: u8,
}

pub(super) const OBJECT: Object = Object {
    study: "1.1",
    series: "1.1.1",
    instance: "1.1.1.1",
    modality: "CR",
    patient: "CANARYNAME^Jane",
    patient_id: CANARY_ID,
    study_date: "20260131",
    burned_in: "NO",
    grey: 7,
};

impl Object {
    pub(super) fn bytes(&self) -> Bytes {
        let mut file = [&[0; 128][..], b"DICM"].concat();
        put(&mut file, 0x0002_0010, "UI", "1.2.840.10008.1.2.1");
        for (tag, vr, value) in [
            (0x0008_0016, "UI", "1.2.840.10008.5.1.4.1.1.1"),
            (0x0008_0018, "UI", self.instance),
            (0x0008_0020, "DA", self.study_date),
            (0x0008_0050, "SH", "CANARYACC"),
            (0x0008_0060, "CS", self.modality),
            (0x0008_103E, "LO", "CANARYNAME chest"),
            (0x0009_0010, "LO", "CANARYNAME"),
            (0x0010_0010, "PN", self.patient),
            (0x0010_0020, "LO", self.patient_id),
            (0x0018_5101, "CS", "PA"),
            (0x0020_000D, "UI", self.study),
            (0x0020_000E, "UI", self.series),
            (0x0020_0013, "IS", "5"),
        ] {
            put(&mut file, tag, vr, value);
        }
        let short = |file: &mut Vec<u8>, tag, value: u16| put_bytes(file, tag, "US", &value.to_le_bytes());
        short(&mut file, 0x0028_0002, 1);
        put(&mut file, 0x0028_0004, "CS", "MONOCHROME2");
        short(&mut file, 0x0028_0010, 4);
        short(&mut file, 0x0028_0011, 8);
        for (tag, value) in [(0x0028_0100, 8), (0x0028_0101, 8), (0x0028_0102, 7), (0x0028_0103, 0)] {
            short(&mut file, tag, value);
        }
        put(&mut file, 0x0028_0301, "CS", self.burned_in);
        put_bytes(&mut file, 0x7FE0_0010, "OB", &[self.grey; 32]);
        file.into()
    }
}

fn put(file: &mut Vec<u8>, tag: u32, vr: &str, value: &str) {
    let padding = if vr == "UI" { "\0" } else { " " };
    let value = if value.len() % 2 == 1 { format!("{value}{padding}") } else { value.to_owned() };
    put_bytes(file, tag, vr, value.as_bytes());
}

fn put_bytes(file: &mut Vec<u8>, tag: u32, vr: &str, value: &[u8]) {
    let (group, number) = ((tag >> 16) as u16, tag as u16);
    file.extend([group.to_le_bytes(), number.to_le_bytes()].concat());
    file.extend(vr.as_bytes());
    if vr == "OB" {
        file.extend([0; 2]);
        file.extend((value.len() as u32).to_le_bytes());
    } else {
        file.extend((value.len() as u16).to_le_bytes());
    }
    file.extend(value);
}

impl Bench {
    pub(super) async fn start(access: Access) -> Self {
        Self::of(World { access, ..World::start().await }).await
    }

    pub(super) async fn of(world: World) -> Self {
        let copy = world.projection().await;
        copy.ready().await;
        let decoder = DecoderPool::new(DecoderConfig { size: 1, ..DecoderConfig::sibling().unwrap() });
        Self { world, copy, decoder, jobs: 0 }
    }

    /// Has an object taken in as another job, of the site `from`; `None` if no door takes it.
    pub(super) async fn take(&mut self, bytes: Bytes, from: &str) -> Option<u128> {
        let dicom = self.decoder.inspect(&bytes).await.ok()?.identity;
        self.jobs += 1;
        let blob = self.world.blobs.put(bytes).await.unwrap();
        let event = Event::ImageStored(ImageStored {
            job_id: job_id(self.jobs),
            study_id: study_id(),
            study_ref: None,
            image: StoredImage { blob, media_type: MediaType::Dicom, dicom: Some(dicom) },
            priority: Priority::Routine,
            series: Vec::new(),
            expected_images: None,
            prior_study_id: None,
            source: None,
        });
        let site = if from.is_empty() { site() } else { from.parse().unwrap() };
        let stored = Envelope::first(job_id(self.jobs).as_uuid(), site, at(0), event);
        let seq = self.world.append(&[stored]).await;
        self.copy.folded(seq).await;
        Some(self.jobs)
    }

    pub(super) async fn hold(&mut self, objects: &[Object]) {
        for object in objects {
            self.take(object.bytes(), "").await.unwrap();
        }
    }

    pub(super) async fn take_out(&self, job: u128) {
        let seq = self.world.append(&[image_taken_out(job, 1)]).await;
        self.copy.folded(seq).await;
    }

    pub(super) async fn ask(&self, path: &str, accept: &str) -> Response {
        let url = format!("{}/dicom-web{path}", self.copy.base);
        hilum_runtime::http_client().build().unwrap().get(url).header("accept", accept).send().await.unwrap()
    }

    /// Data sets, which must be some.
    pub(super) async fn json(&self, path: &str) -> Vec<Value> {
        let response = self.ask(path, "application/dicom+json").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}: {:?}", response.text().await);
        assert_eq!(response.headers()["content-type"], "application/dicom+json");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// Status and problem of a refusal, as `404 /problems/not-found`, and its words.
    pub(super) async fn refusal(&self, path: &str, accept: &str) -> (String, String) {
        let response = self.ask(path, accept).await;
        let status = response.status().as_u16();
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
        let kind = problem["type"].as_str().unwrap_or("no problem");
        (format!("{status} {kind}"), problem["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// The first values of an attribute, one of each data set.
    pub(super) async fn listed(&self, path: &str, tag: &str) -> Vec<String> {
        let response = self.ask(path, "application/dicom+json").await;
        if response.status() == StatusCode::NO_CONTENT {
            return Vec::new();
        }
        assert_eq!(response.status(), StatusCode::OK, "{path}: {:?}", response.text().await);
        let found: Vec<Value> = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.iter().map(|data_set| text(&data_set[tag]["Value"][0])).collect()
    }
}

/// The parts of an answer: head and content of each.
pub(super) async fn parts(response: Response) -> Vec<(String, Bytes)> {
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.text().await);
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = media_type.split("boundary=").nth(1).expect("parts have a boundary").to_owned();
    let body = response.bytes().await.unwrap();
    let mut rest = body.clone();
    let mut found = Vec::new();
    loop {
        let delimiter = format!("--{boundary}\r\n");
        if !rest.starts_with(delimiter.as_bytes()) {
            assert_eq!(rest, format!("--{boundary}--\r\n"), "the end");
            return found;
        }
        let head_len = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(rest[delimiter.len()..head_len].to_vec()).unwrap();
        let len: usize = head.split("Content-Length: ").nth(1).unwrap().trim().parse().unwrap();
        let content = rest.slice(head_len + 4..head_len + 4 + len);
        assert!(rest[head_len + 4 + len..].starts_with(b"\r\n"));
        rest = rest.slice(head_len + 4 + len + 2..);
        found.push((head, content));
    }
}

/// A folder of samples of the repository.
pub(super) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

/// DICOM files below a folder, in order.
pub(super) fn dicom_files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let is_dicom = |path: &PathBuf| std::fs::read(path).unwrap().get(128..132) == Some(b"DICM");
    entries
        .into_iter()
        .flat_map(|path| if path.is_dir() { dicom_files(&path) } else { vec![path] })
        .filter(is_dicom)
        .collect()
}

/// The address of an object that a search has told of.
pub(super) fn address(instance: &Value) -> String {
    let uid = |tag: &str| instance[tag]["Value"][0].as_str().unwrap().to_owned();
    format!("/studies/{}/series/{}/instances/{}", uid("0020000D"), uid("0020000E"), uid("00080018"))
}
