//! The door from outside: real log, storage in a folder, and readings that others made.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{JobId, StudyId, samples};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_intake::{
    Bounds, Disk, Gate, Inspector, Intake, Readings, SenderBounds, SenderLimits, Slots, StudySizes,
};
use hilum_runtime::{ConnectionBounds, serve_http, strict};
use hilum_test_log::{LIMIT, READING_KEY, TestLog, completed, reading_id};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

/// Images that a study may have.
const MOST: u32 = 4;

/// What the door takes for a PNG. Nobody decodes it here.
const CONTENT: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// As good as never.
const LONG: Duration = Duration::from_secs(3600);

/// A door that serves; its address.
async fn open(bench: &TestLog, readings: Option<Readings>) -> SocketAddr {
    open_with(bench, readings, |door| door).await
}

/// The same with other settings.
async fn open_with(
    bench: &TestLog,
    readings: Option<Readings>,
    change: impl FnOnce(Uploads) -> Uploads,
) -> SocketAddr {
    let store = format!("file://{}", bench.folder.path().join("objects").display());
    let store = BlobStore::open(&StoreConfig::at(&store)).unwrap();
    let gate = Gate::new(Bounds { max_wait: None, max_waiting: 100, max_sites: 3 });
    let no_bounds = SenderBounds { images_per_minute: None, images_at_once: None, bytes_at_once: None };
    let intake = Intake {
        log: bench.log.clone(),
        disk: Disk::new(&store, 0),
        store,
        // Only DICOM needs the program.
        inspector: Inspector::new(DecoderPool::new(DecoderConfig::new("none"))),
        sites: Arc::default(),
        gate: gate.clone(),
        readings,
        slots: Slots::new(4),
        senders: SenderLimits::new(no_bounds),
        max_upload_bytes: 1 << 20,
        sizes: StudySizes::bounded(MOST),
    };
    let door = change(Uploads { intake, silence_limit: LONG });
    let log = bench.log.clone();
    tokio::spawn(async move { gate.watch(&log, &CancellationToken::new()).await });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = ConnectionBounds { silence_limit: LONG, most: 200 };
    let router = strict(router(door.clone()), door.silence_limit);
    tokio::spawn(serve_http(listener, router, bounds, CancellationToken::new()));
    address
}

/// Sends the content until the door has compared its log and takes it; the answer.
async fn send(door: SocketAddr) -> Value {
    let mut beats = tokio::time::interval(Duration::from_millis(50));
    let taken = async {
        loop {
            beats.tick().await;
            let form = Form::new().part("image", Part::bytes(CONTENT).file_name("image"));
            let url = format!("http://{door}/v1/jobs");
            let answer =
                hilum_runtime::http_client().build().unwrap().post(url).multipart(form).send().await.unwrap();
            if answer.status() == reqwest::StatusCode::ACCEPTED {
                return answer.json().await.unwrap();
            }
        }
    };
    tokio::time::timeout(LIMIT, taken).await.unwrap()
}

async fn link(bench: &TestLog, job_id: &Value) -> Option<Envelope> {
    let job_id: JobId = job_id.as_str().unwrap().parse().unwrap();
    let filter = format!("evt.duplicate-linked.*.{}.{job_id}", reading_id(CONTENT));
    bench.log.last(&filter).await.unwrap()?.content.ok()
}

#[tokio::test]
async fn content_that_was_read_before_is_answered_with_its_reading() {
    let bench = TestLog::start().await;
    let door = open(&bench, Some(Readings::by_key(&bench.log, READING_KEY))).await;
    let unknown = send(door).await;
    assert_eq!(unknown["status"], "QUEUED");
    assert_eq!((unknown.get("duplicate_of"), unknown.get("result")), (None, None));

    bench.read(1, CONTENT).await;
    let known = send(door).await;
    assert_eq!(known["status"], "COMPLETED", "{known}");
    assert_eq!(known["duplicate_of"], json!(samples::job_id(1)));
    assert_eq!(known["sha256"], unknown["sha256"]);
    assert_ne!(known["job_id"], unknown["job_id"]);
    // As text, so that no digits come in that nobody computed.
    let expected: Value =
        serde_json::from_str(&serde_json::to_string(&completed(1, CONTENT)).unwrap()).unwrap();
    let result = &known["result"];
    assert_eq!((&result["job_id"], &result["duplicate_of"]), (&known["job_id"], &known["duplicate_of"]));
    assert_eq!(
        (&result["findings"], &result["reading_id"]),
        (&expected["findings"], &expected["reading_id"])
    );
    let found = link(&bench, &known["job_id"]).await.expect("the answer is given when the link is durable");
    assert_eq!(json!(found.correlation_id), known["job_id"]);
    assert!(link(&bench, &unknown["job_id"]).await.is_none());
}

#[tokio::test]
async fn a_door_without_a_model_queues_what_was_read_before() {
    let bench = TestLog::start().await;
    bench.read(1, CONTENT).await;
    let door = open(&bench, None).await;
    assert_eq!(send(door).await["status"], "QUEUED");
}

#[tokio::test]
async fn what_a_sender_expects_of_a_study_is_a_fact_also_before_its_first_image() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    let manifest = async |path: &str, body: Value| {
        let url = format!("http://{door}/v1/studies/{path}");
        let answer =
            hilum_runtime::http_client().build().unwrap().post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = manifest("S-1/manifest?site=north", json!({ "images": 2 })).await;
    let study_id = StudyId::named(&"north".parse().unwrap(), "S-1");
    assert_eq!((status, &answer["study_id"]), (202, &json!(study_id)));
    let filter = format!("evt.study-manifest-received.north.{study_id}.*");
    let found = bench.log.last(&filter).await.unwrap().unwrap().content.unwrap();
    let Event::StudyManifestReceived(event) = found.event else { panic!("{found:?}") };
    assert_eq!((event.images, found.site.as_str()), (2, "north"));

    for (path, body, expected) in [
        ("S-1/manifest", json!({ "images": 0 }), 400),
        ("Doe^Jane/manifest", json!({ "images": 1 }), 400),
        ("S-1/manifest?site=A.B", json!({ "images": 1 }), 400),
        ("S-1/manifest", json!({ "images": 1, "sop_instance_uids": ["1".repeat(2 << 20)] }), 400),
    ] {
        let (status, problem) = manifest(path, body).await;
        assert_eq!(status, expected, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
    }
    // Its id tells its site.
    let (status, answer) = manifest(&format!("{study_id}/manifest"), json!({ "images": 1 })).await;
    assert_eq!((status, &answer["study_id"]), (202, &json!(study_id)));
}

#[tokio::test]
async fn a_name_that_looks_like_an_id_is_a_name_and_hides_no_study_with_that_id() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    let client = hilum_runtime::http_client().build().unwrap();
    let submit = async |study: &str, prior: Option<&str>| {
        let form = Form::new().text("study", study.to_owned());
        let form = match prior {
            Some(prior) => form.text("prior_study", prior.to_owned()),
            None => form,
        };
        let form = form.part("image", Part::bytes(CONTENT).file_name("image"));
        let answer = client.post(format!("http://{door}/v1/jobs")).multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let say = async |path: &str, body: Value| {
        let answer =
            client.post(format!("http://{door}/v1/studies/{path}")).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["study_id"].clone())
    };
    let named = |name: &str| json!(StudyId::named(&Site::default(), name));
    let (_, other) = submit("S-1", None).await;
    let other_id = other["study_id"].as_str().unwrap();
    for name in [
        "7d9f6a2e-0c6b-4f4b-9d7e-0a1b2c3d4e5f",
        "7D9F6A2E0C6B4F4B9D7E0A1B2C3D4E5F",
        "00112233445566778899aabbccddeeff",
    ] {
        assert_eq!(say(&format!("{name}/close"), json!({})).await.0, 404, "it has no image yet");
        assert_eq!(say(&format!("{name}/manifest"), json!({ "images": 1 })).await, (202, named(name)));
        let (status, answer) = submit(name, None).await;
        assert_eq!((status, &answer["study_id"]), (202, &named(name)));
        assert_eq!(say(&format!("{name}/manifest"), json!({ "images": 1 })).await, (202, named(name)));
        assert_eq!(say(&format!("{name}/close"), json!({})).await, (202, named(name)));
        let (_, answer) = submit("S-3", Some(name)).await;
        let filter = format!("evt.image-stored.*.*.{}", answer["job_id"].as_str().unwrap());
        let found = bench.log.last(&filter).await.unwrap().unwrap().content.unwrap();
        let Event::ImageStored(stored) = found.event else { panic!("{found:?}") };
        assert_eq!(json!(stored.prior_study_id), named(name));
    }
    // A name that is another study's id: that study is still the one that its id means.
    let (status, hiding) = submit(other_id, None).await;
    assert_eq!((status, &hiding["study_id"]), (202, &named(other_id)));
    assert_eq!(say(&format!("{other_id}/close"), json!({})).await, (202, other["study_id"].clone()));

    for name in [".", ".."] {
        assert_eq!(submit(name, None).await.0, 400, "{name}");
        assert_eq!(submit("S-1", Some(name)).await.0, 400, "{name}");
    }
}

#[tokio::test]
async fn what_a_sender_says_of_its_study_goes_with_the_image() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    let submit = async |fields: &[(&'static str, &'static str)]| {
        let mut form = Form::new().text("study", "S-2");
        for (name, value) in fields {
            form = form.text(*name, *value);
        }
        let form = form.part("image", Part::bytes(CONTENT).file_name("image"));
        let url = format!("http://{door}/v1/jobs");
        let answer =
            hilum_runtime::http_client().build().unwrap().post(url).multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = submit(&[("expected_images", "4"), ("prior_study", "S-1")]).await;
    assert_eq!(status, 202, "{answer}");
    let filter = format!("evt.image-stored.*.*.{}", answer["job_id"].as_str().unwrap());
    let found = bench.log.last(&filter).await.unwrap().unwrap().content.unwrap();
    let Event::ImageStored(stored) = found.event else { panic!("{found:?}") };
    assert_eq!((stored.expected_images, stored.prior_study_id), (Some(4), Some(samples::study_id())));
    assert_eq!(stored.series, [], "no rule fits what has no header");

    for refused in [
        ("expected_images", "0"),
        ("expected_images", "5"),
        ("expected_images", "two"),
        ("prior_study", "Doe^Jane"),
        ("prior_study", "S-2"),
    ] {
        let (status, problem) = submit(&[refused]).await;
        assert_eq!(status, 400, "{refused:?}: {problem}");
    }
}

#[tokio::test]
async fn a_study_has_as_many_images_as_a_report_tells_of_and_lone_images_are_not_counted() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    // One came through another door.
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let submit = async |door: SocketAddr, study: Option<&'static str>| {
        let form = study.map_or_else(Form::new, |study| Form::new().text("study", study));
        let form = form.part("image", Part::bytes(CONTENT).file_name("image"));
        let url = format!("http://{door}/v1/jobs");
        let answer =
            hilum_runtime::http_client().build().unwrap().post(url).multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for _ in 1..MOST {
        assert_eq!(submit(door, Some("S-1")).await.0, 202);
    }
    let (status, problem) = submit(door, Some("S-1")).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("/problems/study-full")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("another study"), "{problem}");
    // Another door asks the log.
    let other = open(&bench, None).await;
    send(other).await;
    assert_eq!(submit(other, Some("S-1")).await.0, 409);
    for _ in 0..=MOST {
        assert_eq!(submit(door, None).await.0, 202);
    }
    assert_eq!(submit(door, Some("S-9")).await.0, 202);
}

mod clients;

#[test]
fn the_description_says_of_every_call_what_its_handler_says() {
    hilum_api::openapi::check_part("ingest", &described().1).unwrap_or_else(|error| panic!("{error}"));
}
