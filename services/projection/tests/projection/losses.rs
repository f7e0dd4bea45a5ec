//! What the log has lost: the fold stands there and says so; when an operator has accepted it, job and study tell of it, also
//! from tables that were made anew.

use hilum_events::samples::{image_stored, inference_completed, inference_requested, job_id, study_id};
use hilum_servers::{NatsOptions, NatsServer, damage_message, wait_until};
use serde_json::json;

use crate::harness::{DEADLINE, World};

/// Behind a subject of these tests, in headers or payload.
const CONTENT: i64 = 150;

#[tokio::test]
async fn a_loss_is_stood_at_then_accepted_and_told_with_job_and_study() {
    let mut world = World::start().await;
    let copy = world.projection().await;
    let facts = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        inference_completed(1, "a", 2),
        image_stored(2, "b", 3),
        inference_requested(2, "b", 4),
    ];
    let seq = world.append(&facts).await;
    copy.folded(seq).await;
    copy.stop().await;
    let mut options = NatsOptions::in_folder(world.folder().join("nats"));
    options.port = Some(world.nats.port());
    world.nats.stop().await;
    for lost in [&facts[2], &facts[3]] {
        damage_message(&options.folder, "EVENTS", &lost.subject(), CONTENT).unwrap();
    }
    world.nats = NatsServer::start(&options).await.unwrap();

    let copy = world.projection().await;
    copy.ready().await;
    let job = format!("/v1/jobs/{}", job_id(2));
    assert_eq!(copy.ok(&job).await["status"], "IN_PROGRESS", "what was folded is still told");
    assert_eq!(copy.ok("/v1/ops/log/losses").await, json!({ "hole": null, "accepted": [] }));
    let accept = |first: u64, last: u64| json!({ "first_seq": first, "last_seq": last, "by": "ada", "why": "bad block" });
    let (status, problem) = copy.post("/v1/ops/log/losses", &accept(2, 4)).await;
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("position 2 can be read")), (409, true));
    let (status, accepted) = copy.post("/v1/ops/log/losses", &accept(3, 4)).await;
    assert_eq!(status, 202, "{accepted}");
    assert_eq!(
        (&accepted["lost"][0]["event"], &accepted["lost"][1]["job_id"]),
        (&json!("inference-completed"), &json!(job_id(2)))
    );
    copy.folded(6).await;
    let (read, lost) = (copy.ok(&format!("/v1/jobs/{}", job_id(1))).await, copy.ok(&job).await);
    assert_eq!((&read["losses"][0]["lost_seq"], &lost["losses"][0]["lost_seq"]), (&json!(3), &json!(4)));
    let study = copy.ok(&format!("/v1/studies/{}", study_id())).await;
    assert_eq!(study["losses"].as_array().unwrap().len(), 2, "{study}");
    copy.stop().await;

    world.sql("hilum", "DROP TABLE jobs CASCADE").await;
    let copy = world.projection().await;
    copy.folded(6).await;
    let (status, problem) = copy.get(&job).await;
    assert_eq!(status, 410, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("send the image again"), "{problem}");
}

#[tokio::test]
async fn tables_that_are_made_anew_stop_at_a_hole_and_readiness_names_it() {
    let mut world = World::start().await;
    let facts = [image_stored(1, "a", 0), image_stored(2, "b", 1), image_stored(3, "c", 2)];
    world.append(&facts).await;
    let mut options = NatsOptions::in_folder(world.folder().join("nats"));
    options.port = Some(world.nats.port());
    world.nats.stop().await;
    damage_message(&options.folder, "EVENTS", &facts[1].subject(), CONTENT).unwrap();
    world.nats = NatsServer::start(&options).await.unwrap();
    let copy = world.projection().await;
    copy.folded(1).await;
    let named = wait_until(DEADLINE, || async {
        let readiness = copy.health.readiness();
        readiness.waiting_for.values().any(|why| why.contains("position 2") && why.contains("accept-loss"))
    });
    assert!(named.await, "{:?}", copy.health.readiness());
    assert_eq!(copy.ok("/v1/ops/log/losses").await["hole"], json!({ "first_seq": 2, "last_seq": 2 }));
    let lost = json!({ "first_seq": 2, "last_seq": 2, "by": "ada", "why": "bad block" });
    assert_eq!(copy.post("/v1/ops/log/losses", &lost).await.0, 202);
    copy.folded(4).await;
    copy.ready().await;
}
