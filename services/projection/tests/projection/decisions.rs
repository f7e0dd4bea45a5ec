//! An operator's decision about a dead letter: made once, told to everybody, and what it does to jobs.

use futures::future::join_all;
use hilum_events::samples::{
    dead_letter_resolved, duplicate_linked, image_stored, inference_completed, inference_requested,
    job_dead_lettered, job_id, reading_id,
};
use hilum_events::{Envelope, Event, EventId, InferenceRequested, JobDeadLettered, Resolution};
use serde_json::{Value, json};
use sqlx::migrate::Migrator;

use crate::harness::{Copy, World};

fn says(by: &str, why: &str) -> Value {
    json!({"by": by, "why": why})
}

/// Job 1 was given up before it had a reading.
fn given_up_by_dedupe() -> Envelope {
    let event = Event::JobDeadLettered(JobDeadLettered {
        job_id: job_id(1),
        reading_id: None,
        consumer: "dedupe".to_owned(),
        stream_seq: 1,
        deliveries: 8,
        reason: "the object is missing".to_owned(),
    });
    let image = image_stored(1, "a", 0);
    image.next(image.occurred_at, event)
}

/// The same fact about the message at `stream_seq`.
fn again_at(envelope: &Envelope, stream_seq: u64) -> Envelope {
    let mut again = envelope.clone();
    if let Event::JobDeadLettered(event) = &mut again.event {
        event.stream_seq = stream_seq;
    }
    again.event_id = EventId::following(envelope.event_id.as_uuid(), &again.subject());
    again
}

async fn status(copy: &Copy, number: u128) -> Value {
    copy.ok(&format!("/v1/jobs/{}", job_id(number))).await["status"].clone()
}

async fn steps(copy: &Copy, number: u128) -> Vec<String> {
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(number))).await;
    let step = |step: &Value| {
        let event = step["event"].as_str().unwrap();
        step["resolution"].as_str().map_or(event.to_owned(), |resolution| format!("{event}: {resolution}"))
    };
    job["history"].as_array().unwrap().iter().map(step).collect()
}

/// Two jobs share a reading that was given up, which is fact 5.
async fn shared_and_given_up(world: &World, copy: &Copy) {
    let facts = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        image_stored(2, "a", 2),
        duplicate_linked(2, 1, "a", 3),
        job_dead_lettered(1, "a", 4),
    ];
    let seq = world.append(&facts).await;
    copy.folded(seq).await;
    assert_eq!((status(copy, 1).await, status(copy, 2).await), (json!("FAILED"), json!("FAILED")));
}

#[tokio::test]
async fn a_redrive_becomes_a_fact_that_says_who_and_why() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    let (status, answer) = copy.post("/v1/ops/dlq/5/redrive", &says(" ada@north ", "storage is back")).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!((&answer["id"], &answer["state"]), (&json!(5), &json!("redriven")));
    assert_eq!((&answer["already"], &answer["resolved_by"]), (&json!(false), &json!("ada@north")));

    let recorded = world.log.at(6).await.unwrap().unwrap();
    let envelope = recorded.envelope().unwrap();
    let letter = job_dead_lettered(1, "a", 4);
    assert_eq!(envelope.causation_id, Some(letter.event_id));
    assert_eq!(envelope.correlation_id, letter.correlation_id);
    let Event::DeadLetterResolved(event) = &envelope.event else { panic!("{envelope:?}") };
    assert_eq!((event.job_id, event.reading_id), (job_id(1), Some(reading_id("a"))));
    assert_eq!((event.consumer.as_str(), event.stream_seq), ("infer-routine", 2));
    assert_eq!((event.resolution, event.why.as_str()), (Resolution::Redrive, "storage is back"));

    let story = copy.ok("/v1/ops/dlq/5").await;
    assert_eq!((&story["state"], &story["resolved_why"]), (&json!("redriven"), &json!("storage is back")));
    assert_eq!(copy.ok("/v1/ops/dlq").await["dead_letters"], json!([]));
    assert_eq!(copy.ok("/v1/ops/dlq?state=redriven").await["dead_letters"][0]["id"], 5);
}

#[tokio::test]
async fn a_repeated_decision_tells_the_first_one_and_another_one_is_refused() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    let (status, first) = copy.post("/v1/ops/dlq/5/discard", &says("ada", "the image was a test")).await;
    assert_eq!(status, 202, "{first}");
    let (status, again) = copy.post("/v1/ops/dlq/5/discard", &says("bob", "not needed")).await;
    assert_eq!((status, &again["already"]), (200, &json!(true)));
    for field in ["id", "state", "resolved_by", "resolved_why", "resolved_at"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    let (status, problem) = copy.post("/v1/ops/dlq/5/redrive", &says("bob", "try again")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/already-decided")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("discarded by ada") && detail.contains("the image was a test"), "{detail}");
    assert_eq!(world.log.position().await.unwrap().last_seq, 6);
}

#[tokio::test]
async fn of_many_decisions_at_once_one_is_made() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    let decide = async |number: usize| {
        let word = if number.is_multiple_of(2) { "redrive" } else { "discard" };
        copy.post(&format!("/v1/ops/dlq/5/{word}"), &says(&format!("operator {number}"), "a race")).await
    };
    let answers = join_all((0..16).map(decide)).await;
    let count = |status: u16| answers.iter().filter(|(answered, _)| *answered == status).count();
    assert_eq!((count(202), count(200), count(409)), (1, 7, 8), "{answers:?}");
    assert_eq!(world.log.position().await.unwrap().last_seq, 6);
}

#[tokio::test]
async fn a_redriven_reading_is_awaited_again_by_all_who_share_it() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    copy.post("/v1/ops/dlq/5/redrive", &says("ada", "storage is back")).await;
    copy.folded(6).await;
    assert_eq!(
        (status(&copy, 1).await, status(&copy, 2).await),
        (json!("IN_PROGRESS"), json!("IN_PROGRESS"))
    );
    assert_eq!(
        steps(&copy, 2).await,
        ["image-stored", "duplicate-linked", "job-dead-lettered", "dead-letter-resolved: redrive"]
    );

    let mut request = inference_requested(1, "a", 7);
    request.event_id = EventId::following(request.event_id.as_uuid(), "again");
    if let Event::InferenceRequested(InferenceRequested { attempt, .. }) = &mut request.event {
        *attempt = 2;
    }
    let seq = world.log.append_after(&request, 2).await.unwrap().seq();
    let second = again_at(&job_dead_lettered(1, "a", 8), seq);
    let seq = world.append(&[second]).await;
    copy.folded(seq).await;
    assert_eq!((status(&copy, 1).await, status(&copy, 2).await), (json!("FAILED"), json!("FAILED")));
    let open = copy.ok("/v1/ops/dlq").await;
    assert_eq!(
        (&open["dead_letters"][0]["id"], open["dead_letters"].as_array().unwrap().len()),
        (&json!(seq), 1)
    );
    assert_eq!(copy.ok(&format!("/v1/ops/dlq/{seq}")).await["earlier"], json!([5]));

    let seq = world.append(&[inference_completed(1, "a", 9)]).await;
    copy.folded(seq).await;
    assert_eq!((status(&copy, 1).await, status(&copy, 2).await), (json!("COMPLETED"), json!("COMPLETED")));
}

#[tokio::test]
async fn a_job_redriven_before_it_had_a_reading_is_queued_until_it_fails_again_or_goes_on() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0), given_up_by_dedupe()]).await;
    copy.folded(seq).await;
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!((&job["status"], &job["reason"]), (&json!("FAILED"), &json!("the object is missing")));

    copy.post("/v1/ops/dlq/2/redrive", &says("ada", "the object is back")).await;
    copy.folded(3).await;
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!((&job["status"], job.get("reason"), job.get("ended_at")), (&json!("QUEUED"), None, None));
    for (status, count) in [("QUEUED", 1), ("FAILED", 0)] {
        let list = copy.ok(&format!("/v1/jobs?status={status}")).await;
        assert_eq!(list["jobs"].as_array().unwrap().len(), count, "{status}");
    }

    // It was handed to dedupe as the decision, which is message 3.
    let seq = world.append(&[again_at(&given_up_by_dedupe(), 3)]).await;
    copy.folded(seq).await;
    assert_eq!(status(&copy, 1).await, "FAILED");
    let path = format!("/v1/ops/dlq/{seq}/redrive");
    copy.post(&path, &says("ada", "once more")).await;
    let seq = world.append(&[inference_requested(1, "a", 9)]).await;
    copy.folded(seq).await;
    assert_eq!(status(&copy, 1).await, "IN_PROGRESS");
}

#[tokio::test]
async fn a_discarded_job_stays_failed_and_says_so() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0), given_up_by_dedupe()]).await;
    copy.folded(seq).await;
    copy.post("/v1/ops/dlq/2/discard", &says("ada", "sent by mistake")).await;
    copy.folded(3).await;
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!((&job["status"], &job["reason"]), (&json!("FAILED"), &json!("the object is missing")));
    assert_eq!(steps(&copy, 1).await, ["image-stored", "job-dead-lettered", "dead-letter-resolved: discard"]);
    let response = hilum_runtime::http_client()
        .build()
        .unwrap()
        .get(format!("{}/v1/jobs/{}/events", copy.base, job_id(1)))
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("event: dead-letter-resolved") && text.contains("event: ended"), "{text}");
}

#[tokio::test]
async fn a_life_that_goes_on_after_a_redrive_is_streamed_to_its_end() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    let decided = dead_letter_resolved(1, "a", Resolution::Redrive, 5);
    let seq = world.append(&[decided]).await;
    copy.folded(seq).await;
    let url = format!("{}/v1/jobs/{}/events", copy.base, job_id(2));
    let mut response = hilum_runtime::http_client().build().unwrap().get(url).send().await.unwrap();
    let mut text = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    world.append(&[inference_completed(1, "a", 6)]).await;
    text.push_str(&response.text().await.unwrap());
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expected = [
        "image-stored",
        "duplicate-linked",
        "job-dead-lettered",
        "dead-letter-resolved",
        "inference-completed",
        "ended",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_decision_without_a_name_or_a_reason_or_a_dead_letter_is_refused_and_nothing_is_written() {
    let world = World::start().await;
    let copy = world.projection().await;
    shared_and_given_up(&world, &copy).await;
    let long = "x".repeat(501);
    for (path, body, status) in [
        ("/v1/ops/dlq/5/discard", json!({"by": "ada"}), 422),
        ("/v1/ops/dlq/5/discard", says("ada", "  "), 422),
        ("/v1/ops/dlq/5/redrive", says("", "because"), 422),
        ("/v1/ops/dlq/5/redrive", says("ada", &long), 422),
        ("/v1/ops/dlq/5/redrive", says("ada", "two\nlines"), 422),
        ("/v1/ops/dlq/5/redrive", json!({"by": 1, "why": "because"}), 422),
        ("/v1/ops/dlq/4/redrive", says("ada", "not a dead letter"), 404),
        ("/v1/ops/dlq/99/discard", says("ada", "nothing there"), 404),
        ("/v1/ops/dlq/x/discard", says("ada", "no number"), 400),
        ("/v1/ops/dlq/5", says("ada", "no such call"), 405),
    ] {
        let (answered, problem) = copy.post(path, &body).await;
        assert_eq!(answered, status, "{path} {body}: {problem}");
        assert_eq!(problem["status"], status);
    }
    let url = format!("{}/v1/ops/dlq/5/redrive", copy.base);
    let plain = hilum_runtime::http_client().build().unwrap().post(url).body("why not").send().await.unwrap();
    assert_eq!(plain.status(), 415);
    assert_eq!(world.log.position().await.unwrap().last_seq, 5);
}

#[tokio::test]
async fn too_many_decisions_at_once_are_told_to_come_later() {
    let world = World::start().await;
    let copy = world.projection().await;
    copy.ready().await;
    let client = hilum_runtime::http_client().build().unwrap();
    let url = format!("{}/v1/ops/dlq/99/redrive", copy.base);
    let ask = || client.post(&url).json(&says("a script", "that runs away")).send();
    let answers = join_all((0..200).map(|_| ask())).await;
    let refused = answers.into_iter().flatten().find(|answer| answer.status() == 429).unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/too-many-decisions");
}

#[tokio::test]
async fn a_database_of_the_first_release_keeps_its_rows() {
    let world = World::start().await;
    world.sql("postgres", "CREATE DATABASE hilum").await;
    let copy = Copy::without_fold(&world, &world.log).await;
    let first = world.folder().join("migrations");
    std::fs::create_dir(&first).unwrap();
    let file = "0001_tables.sql";
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(file);
    std::fs::copy(source, first.join(file)).unwrap();
    Migrator::new(first.as_path()).await.unwrap().run(&copy.pool).await.unwrap();
    world.sql("hilum", "INSERT INTO unreadable VALUES (7, 'evt.x', 'a row of before')").await;

    copy.store.prepare().await.unwrap();
    let dump = world.dump().await;
    assert_eq!((&dump["unreadable"][0]["seq"], &dump["resolutions"]), (&json!(7), &json!([])));
}
