//! An operator's decision about a dead letter: made once, told to everybody, and what it does to jobs.

use futures::future::join_all;
use hilum_events::samples::{
    dead_letter_resolved, duplicate_linked, image_stored, inference_completed, inference_failed,
    inference_requested, job_dead_lettered, job_id, reader, reading_id,
};
use hilum_events::{
    Envelope, Event, EventId, InferenceRequested, JobDeadLettered, ReaderIdentity, Resolution,
};
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
    let (status, problem) = copy.post("/v1/ops/dlq/5/redrive?by=bob", &says("ada@north", "back")).await;
    assert_eq!(status, 400, "nobody would hear it: {problem}");
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

/// The reading of `content`, which job `number` asked for, was failed by this release; `None` for one that does not say so.
fn failed_by(number: u128, content: &str, release: Option<&str>, seconds: i64) -> Envelope {
    let mut envelope = inference_failed(number, content, seconds);
    let Event::InferenceFailed(failed) = &mut envelope.event else { unreachable!() };
    failed.reader = release.map(|release| ReaderIdentity { release: release.to_owned(), ..reader() });
    envelope
}

/// The next attempt at the reading of job 1, which follows from the decision at `decision`.
async fn ask_again(world: &World, decision: u64, after: u64) -> u64 {
    let decision = world.log.at(decision).await.unwrap().unwrap();
    let Event::InferenceRequested(request) = inference_requested(1, "a", 0).event else { unreachable!() };
    let request = Event::InferenceRequested(InferenceRequested { attempt: 2, ..request });
    let request = decision.envelope().unwrap().next(jiff::Timestamp::now(), request);
    world.log.append_after(&request, after).await.unwrap().seq()
}

#[tokio::test]
async fn a_failed_reading_is_tried_again_once_and_all_who_share_it_wait_and_are_healed() {
    let world = World::start().await;
    let copy = world.projection().await;
    let facts = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        image_stored(2, "a", 2),
        duplicate_linked(2, 1, "a", 3),
        failed_by(1, "a", Some("0.1.0"), 4),
    ];
    copy.folded(world.append(&facts).await).await;
    let [one, two] = [1, 2].map(|number| format!("/v1/jobs/{}", job_id(number)));
    let failed = copy.ok(&two).await;
    assert_eq!((&failed["status"], &failed["failed_by"]["release"]), (&json!("FAILED"), &json!("0.1.0")));

    // Of either job: what is decided about is the reading.
    let (status, answer) = copy.post(&format!("{two}/retry"), &says("ada", "the decoder was mended")).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!((&answer["job_id"], &answer["reading_id"]), (&json!(job_id(2)), &json!(reading_id("a"))));
    let recorded = world.log.at(6).await.unwrap().unwrap();
    let envelope = recorded.envelope().unwrap();
    assert_eq!(envelope.causation_id, Some(facts[4].event_id));
    let Event::DeadLetterResolved(event) = &envelope.event else { panic!("{envelope:?}") };
    assert_eq!((event.job_id, event.reading_id), (job_id(1), Some(reading_id("a"))));
    assert_eq!((event.consumer.as_str(), event.stream_seq), ("infer-routine", 2));
    assert_eq!((event.by.as_str(), event.why.as_str()), ("ada", "the decoder was mended"));

    let refused = async |expected: &[&str]| {
        for job in [&one, &two] {
            let (status, problem) = copy.post(&format!("{job}/retry"), &says("bob", "again")).await;
            assert_eq!((status, &problem["type"]), (409, &json!("/problems/already-decided")), "{problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(expected.iter().all(|words| detail.contains(words)), "{detail}");
        }
    };
    let at = answer["resolved_at"].as_str().unwrap();
    refused(&["redriven by ada", at, "the decoder was mended"]).await;
    copy.folded(6).await;
    let waiting = (status_of(&copy, &one).await, status_of(&copy, &two).await);
    assert_eq!(waiting, (json!("IN_PROGRESS"), json!("IN_PROGRESS")));
    let seq = ask_again(&world, 6, 2).await;
    copy.folded(seq).await;
    refused(&["redriven by ada", at]).await;
    assert_eq!(status_of(&copy, &two).await, "IN_PROGRESS");
    assert_eq!(world.log.position().await.unwrap().last_seq, seq);

    let seq = world.append(&[inference_completed(1, "a", 9)]).await;
    copy.folded(seq).await;
    let healed = (status_of(&copy, &one).await, status_of(&copy, &two).await);
    assert_eq!(healed, (json!("COMPLETED"), json!("COMPLETED")));
    assert_eq!(copy.ok(&two).await["failed_by"], Value::Null);
    let (status, problem) = copy.post(&format!("{one}/retry"), &says("bob", "again")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/job-not-failed")));
    assert_eq!(
        steps(&copy, 2).await,
        [
            "image-stored",
            "duplicate-linked",
            "inference-failed",
            "dead-letter-resolved: redrive",
            "inference-requested",
            "inference-completed"
        ]
    );
}

async fn status_of(copy: &Copy, job: &str) -> Value {
    copy.ok(job).await["status"].clone()
}

#[tokio::test]
async fn what_was_given_up_can_be_tried_again_by_its_job_too_and_what_did_not_fail_can_not() {
    let world = World::start().await;
    let copy = world.projection().await;
    copy.folded(world.append(&[image_stored(1, "a", 0)]).await).await;
    let job = format!("/v1/jobs/{}", job_id(1));
    let retry = async || copy.post(&format!("{job}/retry"), &says("ada", "the object was restored")).await;
    let (status, problem) = retry().await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/job-not-failed")), "{problem}");
    world.append(&[given_up_by_dedupe()]).await;
    let (status, answer) = retry().await;
    assert_eq!((status, &answer["reading_id"]), (202, &Value::Null), "{answer}");
    assert_eq!(retry().await.0, 409);
    let unknown = format!("/v1/jobs/{}/retry", job_id(77));
    assert_eq!(copy.post(&unknown, &says("ada", "a test")).await.0, 404);
    assert_eq!(copy.post(&format!("{job}/retry"), &says("ada", " ")).await.0, 422);
    assert_eq!(world.log.position().await.unwrap().last_seq, 3);
}

#[tokio::test]
async fn failed_jobs_are_found_by_reason_and_by_the_release_that_failed_them() {
    let world = World::start().await;
    let copy = world.projection().await;
    let mut facts = Vec::new();
    let releases = [None, Some("0.1.0"), Some("0.9.0-rc.1"), Some("0.10.0"), Some("of a branch")];
    for (number, release) in (1..).zip(releases) {
        let content = format!("content {number}");
        facts.push(image_stored(number, &content, 0));
        facts.push(inference_requested(number, &content, 1));
        facts.push(failed_by(number, &content, release, 2));
    }
    facts.extend([image_stored(6, "f", 0), inference_requested(6, "f", 1), job_dead_lettered(6, "f", 2)]);
    facts.extend([image_stored(7, "g", 0), inference_requested(7, "g", 1)]);
    copy.folded(world.append(&facts).await).await;
    let found = async |query: &str| -> Vec<u128> {
        let list = copy.ok(&format!("/v1/jobs?{query}")).await;
        let ids = list["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap());
        ids.rev().map(|id| id.parse::<hilum_events::JobId>().unwrap().as_uuid().as_u128()).collect()
    };
    assert_eq!(found("failed_before_release=0.9.0").await, [1, 2, 5]);
    assert_eq!(found("failed_before_release=0.10.0").await, [1, 2, 3, 5]);
    assert_eq!(found("failed_before_release=0.10.1&status=FAILED").await, [1, 2, 3, 4, 5]);
    assert_eq!(found("failed_before_release=1&reason=truncated").await, [1, 2, 3, 4, 5]);
    assert_eq!(found("reason=ends%20BEFORE").await, [1, 2, 3, 4, 5]);
    assert_eq!(found("reason=dead-lettered").await, [6]);
    assert_eq!(found("failed_before_release=1&reason=dead-lettered").await, [0_u128; 0]);
    assert_eq!(copy.get("/v1/jobs?failed_before_release=next").await.0, 400);
}
