//! A FHIR server that is not ours (Medplum's code, in memory): what a search finds there after repeats and revisions.

use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;
use hilum_deliver::{SendError, Transport};
use hilum_events::{EngineIdentity, samples::job_id};
use hilum_reports::{ChangeEntry, ChangeKind, ImageEntry, ImageStatus, Report, check, fhir, samples};
use hilum_runtime::http_client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::bench::Bench;
use crate::protocols::{fhir, shipment, target};

/// Ends with its owner, whose end closes its input.
struct FhirServer {
    url: String,
    client: reqwest::Client,
    _child: Child,
}

impl FhirServer {
    /// `None` where there is no Node or no Medplum.
    async fn start() -> Option<Self> {
        let setting = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.exists());
        let (Some(folder), Some(node)) = (setting("HILUM_MEDPLUM"), setting("HILUM_NODE")) else {
            eprintln!(
                "skipped: HILUM_MEDPLUM names no folder with Medplum's code; `make interop` fetches it where there is Node 20"
            );
            return None;
        };
        let mut child = Command::new(node)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fhir_server.mjs"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap();
        let url = format!("http://127.0.0.1:{}/", port.unwrap());
        Some(Self { url, client: http_client().build().unwrap(), _child: child })
    }

    fn transport(&self) -> Transport {
        let url = self.url.parse().unwrap();
        Transport::to(&target(fhir(url, None))).unwrap()
    }

    async fn post(&self, report: &Report) -> Result<String, SendError> {
        check(report).unwrap();
        let bundle = Bytes::from(fhir::bundle(report));
        self.transport().send(&shipment(&[("fhir", "report.fhir.json", bundle)])).await
    }

    /// What a search finds.
    async fn found(&self, search: &str) -> Vec<Value> {
        let mut bundle = self.got(search).await;
        let entries = bundle["entry"].take();
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|mut entry| entry["resource"].take()).collect()
    }

    async fn got(&self, place: &str) -> Value {
        let response = self.client.get(format!("{}{place}", self.url)).send().await.unwrap();
        assert!(response.status().is_success(), "{place}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn create(&self, resource: &Value) -> Value {
        let place = format!("{}{}", self.url, resource["resourceType"].as_str().unwrap());
        let response = self.client.post(place).body(resource.to_string()).send().await.unwrap();
        assert_eq!(response.status(), 201);
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// The only report there, as a search for its study finds it.
    async fn report(&self) -> Value {
        let study = hilum_events::samples::study_id();
        let search = format!("DiagnosticReport?identifier=urn:ietf:rfc:3986|urn:uuid:{study}");
        let mut found = self.found(&search).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(self.found("DiagnosticReport").await.len(), 1);
        found.remove(0)
    }

    /// What the report's reference says, which has to be there.
    async fn referred(&self, reference: &Value) -> Value {
        let place = reference["reference"].as_str().unwrap();
        self.got(place).await
    }

    /// All that the report refers to as its results.
    async fn results(&self) -> Vec<Value> {
        let mut results = Vec::new();
        for reference in self.report().await["result"].as_array().unwrap() {
            results.push(self.referred(reference).await);
        }
        results
    }
}

/// Of these observations those that say something of the image of this job.
fn of_job(observations: &[Value], job: u128) -> Vec<&Value> {
    let name = format!("job {}", job_id(job));
    observations
        .iter()
        .filter(|one| one["derivedFrom"][0]["display"].as_str().unwrap().contains(&name))
        .collect()
}

/// A third revision: image 5 was read meanwhile, and image 4 is not part of the study any more.
fn third() -> Report {
    let mut report = samples::revised();
    report.revision = 3;
    report.images.remove(3);
    report.summary.images = 4;
    report.summary.failed = 1;
    report.changes = vec![ChangeEntry { job_id: job_id(5), change: ChangeKind::OutcomeChanged }];
    report.provenance.previous_revision = Some(2);
    report
}

#[tokio::test]
async fn repeats_and_revisions_leave_one_report_that_says_what_the_newest_says() {
    let Some(server) = FhirServer::start().await else { return };
    let first = samples::one_of_each();
    for _ in 0..2 {
        server.post(&first).await.unwrap();
    }
    // An image for each job, and two findings for each that was read.
    let whole = server.found("Observation?_count=100").await;
    assert_eq!((whole.len(), server.results().await.len()), (4 + 2 * 2, 4 + 2 * 2), "nothing is there twice");

    server.post(&samples::incomplete()).await.unwrap();
    let report = server.report().await;
    assert!(report["conclusion"].as_str().unwrap().contains("revision 2"), "{report}");
    let pending = server.results().await;
    assert_eq!(of_job(&pending, 5)[0]["status"], "registered");

    server.post(&third()).await.unwrap();
    let report = server.report().await;
    assert!(report["conclusion"].as_str().unwrap().contains("revision 3"), "{report}");
    let results = server.results().await;
    assert!(of_job(&results, 4).is_empty(), "what is said of an image that is gone is no result");
    let read = of_job(&results, 5);
    assert!(read.len() == 3 && read.iter().all(|one| one["status"] == "preliminary"), "{read:?}");
    let registered: Vec<_> = server.found("Observation?_count=100").await;
    assert!(registered.iter().all(|one| one["status"] != "registered"), "no image waits for its outcome");
    let members = read[0]["hasMember"].as_array().unwrap();
    for (reference, finding) in members.iter().zip(&read[1..]) {
        assert_eq!(server.referred(reference).await["id"], finding["id"]);
    }
    assert_eq!(server.found("Device").await.len(), 1);
    assert_eq!(server.found("ImagingStudy").await.len(), 1);
    assert_eq!(server.referred(&read[1]["device"]).await["deviceName"][0]["name"], "densenet121-demo");
}

#[tokio::test]
async fn what_others_told_the_server_is_left_as_it_is() {
    let Some(server) = FhirServer::start().await else { return };
    // What an archive told it of the same DICOM study, with its patient.
    let uid = samples::one_of_each().images[0].dicom.clone().unwrap().study_instance_uid;
    let archives = server
        .create(&json!({
            "resourceType": "ImagingStudy", "status": "available", "numberOfInstances": 7,
            "identifier": [{"system": "urn:dicom:uid", "value": format!("urn:oid:{uid}")}],
            "subject": {"display": "somebody whom the archive knows"}
        }))
        .await;
    server.post(&samples::one_of_each()).await.unwrap();
    let studies = server.found("ImagingStudy").await;
    assert_eq!(studies, std::slice::from_ref(&archives));
    let report = server.report().await;
    assert_eq!(server.referred(&report["imagingStudy"][0]).await["id"], archives["id"]);

    // Another one with the report's identifier: which is meant? This server says so of the entry alone, in a success.
    let mut other = report;
    other.as_object_mut().unwrap().remove("id");
    server.create(&other).await;
    let failed = server.post(&samples::revised()).await.unwrap_err();
    assert!(failed.to_string().contains("an error: invalid"), "{failed}");
}

/// A report of one image alone.
fn of_one_image(image: ImageEntry, revision: u32) -> Report {
    let mut report = samples::one_of_each();
    report.revision = revision;
    report.provenance.previous_revision = (revision > 1).then(|| revision - 1);
    report.summary = hilum_reports::Summary { images: 1, completed: 1, failed: 0, duplicates: 0 };
    assert_eq!(image.status, ImageStatus::Completed);
    report.images = vec![image];
    report
}

#[tokio::test]
async fn reports_that_wait_together_make_nothing_twice() {
    let Some(server) = FhirServer::start().await else { return };
    let bench = Bench::new().await;
    let target = format!("[target.fhir]\nkind = 'fhir'\nurl = '{}'\nevery_revision = true\n", server.url);
    bench.start(&target).await.stop().await;
    let image = samples::one_of_each().images[0].clone();
    for revision in 1..=8 {
        let report = of_one_image(image.clone(), revision);
        bench.issue(revision, std::str::from_utf8(&report.to_json().unwrap()).unwrap()).await;
    }
    let copy = bench.start(&target).await;
    for revision in 1..=8 {
        bench.delivered("fhir", revision).await;
    }
    copy.stop().await;
    server.report().await;
    assert_eq!(server.found("Device").await.len(), 1);
    assert_eq!(server.found("ImagingStudy").await.len(), 1);
    assert_eq!(server.found("Observation?_count=100").await.len(), 3);
}

#[tokio::test]
async fn a_model_is_one_device_whatever_ran_it() {
    let Some(server) = FhirServer::start().await else { return };
    server.post(&samples::one_of_each()).await.unwrap();
    let mut report = samples::revised();
    let engine = EngineIdentity { engine: "openvino".to_owned(), ..report.models[0].engines[0].clone() };
    report.models[0].engines = vec![engine.clone()];
    report
        .images
        .iter_mut()
        .filter_map(|image| image.reading.as_mut())
        .for_each(|it| it.engine = engine.clone());
    server.post(&report).await.unwrap();
    let devices = server.found("Device").await;
    assert_eq!(devices.len(), 1);
    assert!(!devices[0].to_string().contains("tch"), "what is of one report is not said of all");
    assert!(server.results().await[1]["method"]["text"].as_str().unwrap().contains("openvino"));
}
