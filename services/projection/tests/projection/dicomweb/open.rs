//! What is handed out under each setting. A patient's name and number are looked for in all that comes out.

use hilum_projection::dicomweb::access::Access;

use hilum_servers::{Process, free_port, http_status};
use tokio::process::Command;

use super::bench::{Bench, CANARY, CANARY_ID, OBJECT, Object};
use crate::harness::DEADLINE;

const INSTANCE: &str = "/studies/1.1/series/1.1.1/instances/1.1.1.1";

/// Every address, searches with all that could be asked for among them.
fn addresses() -> Vec<String> {
    let below = |path: &str| ["", "/metadata", "/thumbnail"].map(|what| format!("{path}{what}"));
    let mut all: Vec<String> =
        ["/studies/1.1", "/studies/1.1/series/1.1.1", INSTANCE].into_iter().flat_map(below).collect();
    for path in ["/studies", "/series", "/instances", "/studies/1.1/series", "/studies/1.1/instances"] {
        all.push(path.to_owned());
        all.push(format!("{path}?includefield=all"));
        all.push(format!("{path}?includefield=00100010,PatientID,0008103E,00090010,AccessionNumber"));
    }
    for what in ["rendered", "frames/1", "frames/1/rendered"] {
        all.push(format!("{INSTANCE}/{what}"));
    }
    all
}

/// Statuses of all addresses, where no answer has anything of the patient in headers or body.
async fn statuses(bench: &Bench) -> Vec<(String, u16)> {
    let mut found = Vec::new();
    for path in addresses() {
        let response = bench.ask(&path, "*/*").await;
        let (status, headers) = (response.status().as_u16(), format!("{:?}", response.headers()));
        let body = response.bytes().await.unwrap();
        let text = headers + &String::from_utf8_lossy(&body);
        assert!(!text.contains("CANARY"), "{path}: {text}");
        found.push((path, status));
    }
    found
}

#[tokio::test]
async fn nothing_is_answered_unless_the_operator_lets_it_out() {
    let mut bench = Bench::start(Access::Off).await;
    bench.hold(&[OBJECT]).await;
    for (path, status) in statuses(&bench).await {
        assert_eq!(status, 404, "{path}");
    }
    let (kind, words) = bench.refusal("/studies", "*/*").await;
    assert_eq!(kind, "404 /problems/not-found");
    assert!(words.contains("HILUM_DICOMWEB_READ"), "{words}");
}

#[tokio::test]
async fn identifiers_and_pictures_are_let_out_without_a_patient() {
    let mut bench = Bench::start(Access::Identifiers).await;
    bench.hold(&[OBJECT]).await;
    for (path, status) in statuses(&bench).await {
        let is_object = ["/studies/1.1", "/studies/1.1/series/1.1.1", INSTANCE].contains(&path.as_str());
        let expected = if is_object || path.ends_with("/frames/1") { 403 } else { 200 };
        assert_eq!(status, expected, "{path}");
    }
    let said = bench.json(&format!("{INSTANCE}/metadata")).await.remove(0);
    assert_eq!(said["00185101"]["Value"][0], "PA");
    assert_eq!(said["00080016"]["Value"][0], "1.2.840.10008.5.1.4.1.1.1");
    // Whether a patient is here is not told either.
    for query in ["PatientID=CANARY4711", "PatientName=X*", "StudyDate=20260131", "AccessionNumber=CANARYACC"]
    {
        let (kind, words) = bench.refusal(&format!("/studies?{query}"), "*/*").await;
        assert_eq!(kind, "403 /problems/withheld", "{query}");
        assert!(!words.contains("CANARY"), "{words}");
    }
}

#[tokio::test]
async fn a_picture_with_text_in_it_is_let_out_with_patients_only() {
    for (access, expected) in [(Access::Identifiers, 403), (Access::Full, 200)] {
        let mut bench = Bench::start(access).await;
        bench.hold(&[Object { burned_in: "YES", ..OBJECT }]).await;
        for what in ["rendered", "thumbnail", "frames/1/rendered"] {
            assert_eq!(bench.ask(&format!("{INSTANCE}/{what}"), "*/*").await.status(), expected, "{what}");
        }
    }
}

#[tokio::test]
async fn logs_and_metrics_have_nothing_of_a_patient_under_any_setting() {
    for access in ["identifiers", "full"] {
        let mut bench = Bench::start(Access::Full).await;
        let broken = Object { instance: "1.1.1.2", grey: 8, ..OBJECT };
        bench.hold(&[OBJECT, broken.clone()]).await;
        // One that can't be had, about which something is said.
        let key = bench.world.blobs.put(broken.bytes()).await.unwrap().key;
        std::fs::remove_file(bench.world.folder().join("objects").join(key)).unwrap();
        let port = free_port().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-projection"));
        command
            .env("HILUM_LISTEN", format!("127.0.0.1:{port}"))
            .env("HILUM_NATS_URL", bench.world.nats.url())
            .env("HILUM_DATABASE_URL", bench.world.database_url())
            .env("HILUM_STORE_URL", format!("file://{}/objects", bench.world.folder().display()))
            .env("HILUM_DICOMWEB_READ", access)
            .env("HILUM_LOG", "trace");
        let log = bench.world.folder().join("projection.log");
        let mut program = Process::start("hilum-projection", command, &log).unwrap();
        let ready = || async move { http_status(port, "/readyz").await == Some(200) };
        program.wait_ready(DEADLINE, ready).await.unwrap();
        let http = hilum_runtime::http_client().build().unwrap();
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let searches = ["PatientID", "PatientName"].map(|name| format!("/studies?{name}=CANARYNAME*"));
        for path in addresses().into_iter().chain(searches) {
            let answer = http.get(url(&format!("/dicom-web{path}"))).send().await.unwrap();
            // A study with an object that can't be had breaks off.
            let is_whole = answer.bytes().await.is_ok();
            assert!(is_whole || path == "/studies/1.1" || path == "/studies/1.1/series/1.1.1", "{path}");
        }
        let metrics = http.get(url("/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("/dicom-web/studies/{study}") && !metrics.contains("CANARY"));
        let said = std::fs::read_to_string(&log).unwrap();
        let leak = said.lines().find(|line| line.contains("CANARY"));
        assert_eq!(leak, None, "{access}");
        assert!(said.contains("an object is not what was stored"), "it would be seen");
    }
}

#[tokio::test]
async fn rows_have_nothing_of_a_patient_under_any_setting() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT]).await;
    let shown = bench.json("/studies").await.remove(0).to_string();
    assert!(shown.contains(CANARY) && shown.contains(CANARY_ID), "the canary would be seen");
    let rows = bench.world.dump().await.to_string();
    assert!(rows.contains("1.1.1.1") && !rows.contains("CANARY"));
}
