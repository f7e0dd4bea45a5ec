//! What was given up is listed and told whole.

use hilum_events::samples::{
    at, image_stored, inference_requested, job_dead_lettered, job_id, model, reading_id, site,
};
use hilum_events::{Envelope, Event, JobDeadLettered, lane_of};
use hilum_log::{Log, Recorded, Try};
use serde_json::{Value, json};

use crate::harness::World;

/// Job `number` was given up by `consumer`.
fn letter(number: u128, consumer: &str, reason: &str) -> Envelope {
    let event = Event::JobDeadLettered(JobDeadLettered {
        job_id: job_id(number),
        reading_id: consumer.starts_with("infer").then(|| reading_id(&number.to_string())),
        consumer: consumer.to_owned(),
        stream_seq: 2,
        deliveries: 3,
        reason: reason.to_owned(),
    });
    let seconds = i64::try_from(number).unwrap();
    image_stored(number, &number.to_string(), seconds).next(at(seconds), event)
}

fn ids(page: &Value) -> Vec<u64> {
    page["dead_letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn dead_letters_are_found_by_service_reason_job_site_and_time() {
    let world = World::start().await;
    let copy = world.projection().await;
    let mut elsewhere = letter(4, "infer-stat", "no answer");
    elsewhere.site = "north".parse().unwrap();
    let letters = [
        letter(1, "dedupe", "the object is missing"),
        letter(2, "infer-routine", "storage: Connection refused"),
        letter(3, "infer-stat", "100% of the decoders died"),
        elsewhere,
    ];
    let seq = world.append(&letters).await;
    copy.folded(seq).await;
    let moment = at(3).to_string();
    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("service=infer", vec![4, 3, 2]),
        ("service=dedupe&state=all", vec![1]),
        ("service=inf", vec![]),
        ("reason=connection+REFUSED", vec![2]),
        ("reason=100%25", vec![3]),
        ("reason=_", vec![]),
        (&format!("job={}", job_id(3)), vec![3]),
        ("site=north", vec![4]),
        (&format!("since={moment}"), vec![4, 3]),
        (&format!("until={moment}"), vec![2, 1]),
        ("state=redriven", vec![]),
    ] {
        let page = copy.ok(&format!("/v1/ops/dlq?{query}")).await;
        assert_eq!((ids(&page), &page["unreadable"]), (expected, &json!(0)), "{query}");
    }
    let expected = json!({
        "id": 2, "job_id": job_id(2), "reading_id": reading_id("2"), "site": site(), "service": "infer",
        "consumer": "infer-routine", "stream_seq": 2, "tries": 3, "reason": "storage: Connection refused",
        "at": at(2), "state": "open",
    });
    let page = copy.ok("/v1/ops/dlq?reason=refused").await;
    assert_eq!(page["dead_letters"][0], expected);
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_newest_first() {
    let world = World::start().await;
    let copy = world.projection().await;
    let letters: Vec<Envelope> = (1..=5).map(|number| letter(number, "dedupe", "missing")).collect();
    let seq = world.append(&letters).await;
    copy.folded(seq).await;
    let mut seen = Vec::new();
    let mut page = copy.ok("/v1/ops/dlq?limit=2").await;
    loop {
        seen.extend(ids(&page));
        let Some(next) = page.get("next").and_then(Value::as_u64) else { break };
        page = copy.ok(&format!("/v1/ops/dlq?limit=2&after={next}")).await;
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_problems() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    for (path, status) in [
        ("/v1/ops/dlq?state=lost", 400),
        ("/v1/ops/dlq?since=yesterday", 400),
        ("/v1/ops/dlq?job=1", 400),
        ("/v1/ops/dlq?reason=%00", 400),
        ("/v1/ops/dlq?after=-1", 400),
        ("/v1/ops/dlq/one", 400),
        ("/v1/ops/dlq/0", 400),
        ("/v1/ops/dlq/99999999999999999999", 400),
        // An image, not a dead letter.
        ("/v1/ops/dlq/1", 404),
        ("/v1/ops/dlq/99", 404),
    ] {
        let (answered, problem) = copy.get(path).await;
        assert_eq!(answered, status, "{path}: {problem}");
    }
}

async fn recorded(log: &Log, seq: u64) -> Recorded {
    log.at(seq).await.unwrap().unwrap()
}

fn tried(seconds: i64, errors: &[&str]) -> Try {
    let errors = errors.iter().map(|error| (*error).to_owned()).collect();
    Try { at: at(seconds), deliveries: 1, errors, service_version: "0.1.0".to_owned(), times: 1 }
}

#[tokio::test]
async fn a_dead_letter_is_told_with_its_message_all_its_tries_and_those_before_it() {
    let world = World::start().await;
    let copy = world.projection().await;
    world.append(&[image_stored(1, "a", 0), letter(1, "dedupe", "missing")]).await;
    let request = world.append(&[inference_requested(1, "a", 1)]).await;
    let tries = vec![tried(1, &["cannot fetch", "timed out"]), tried(2, &["cannot fetch", "no route"])];
    world.log.give_up("infer-routine", &recorded(&world.log, request).await, tries).await.unwrap();

    let story = copy.ok(&format!("/v1/ops/dlq/{}", request + 1)).await;
    assert_eq!((&story["state"], &story["service"]), (&json!("open"), &json!("infer")));
    assert_eq!(story["earlier"], json!([2]));
    let kept = &story["dead_letter"];
    let (subject, lane) = lane_of(kept["subject"].as_str().unwrap());
    assert_eq!(subject, inference_requested(1, "a", 1).subject());
    assert!(lane.is_some(), "where it stands");
    let size = inference_requested(1, "a", 1).encode().len();
    assert_eq!(kept["payload_size"], size);
    assert_eq!(kept["event"]["name"], "inference-requested");
    assert_eq!(kept["event"]["payload"]["model"]["name"], model().name);
    assert_eq!((kept.get("payload_base64"), kept.get("unreadable")), (None, None));
    assert_eq!(kept["tries"].as_array().unwrap().len(), 2);
    assert_eq!(kept["tries"][1]["errors"], json!(["cannot fetch", "no route"]));
    assert_eq!(kept["tries"][0]["at"], json!(at(1)));

    // The first was told by its job alone: nothing was kept of it.
    let story = copy.ok("/v1/ops/dlq/2").await;
    assert_eq!((story.get("dead_letter"), &story["earlier"]), (None, &json!([])));
}

#[tokio::test]
async fn a_message_that_this_release_cannot_read_is_shown_as_it_is() {
    let world = World::start().await;
    let copy = world.projection().await;
    let garbage = world.append_raw("evt.not-known.default.1", b"not an event").await;
    let tries = vec![tried(1, &["not an event"])];
    world.log.give_up("dedupe", &recorded(&world.log, garbage).await, tries).await.unwrap();
    let mut envelope = job_dead_lettered(1, "a", 1);
    if let Event::JobDeadLettered(event) = &mut envelope.event {
        (event.consumer, event.stream_seq) = ("dedupe".to_owned(), garbage);
    }
    let id = world.append(&[envelope]).await;
    let kept = &copy.ok(&format!("/v1/ops/dlq/{id}")).await["dead_letter"];
    assert_eq!(kept["payload_base64"], "bm90IGFuIGV2ZW50");
    assert!(kept["unreadable"].as_str().unwrap().contains("not an event envelope"), "{kept}");
    assert_eq!(copy.ok("/v1/ops/dlq").await["unreadable"], 1);
}
