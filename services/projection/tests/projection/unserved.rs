//! What is said of an image that waits for a worker with its model.

use std::sync::Arc;
use std::time::Duration;

use hilum_events::samples::{image_stored, inference_requested, job_id};
use hilum_log::{Failure, Handle, Need, WorkConfig, WorkItem, work};
use hilum_servers::wait_until;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::harness::{DEADLINE, World};

/// Has another model than what is asked for.
struct Lacks;

impl Handle for Lacks {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        Err(Failure::Elsewhere { need: Need::new("model chest version 2", "chest@2") })
    }
}

#[tokio::test]
async fn an_image_that_no_worker_has_the_model_for_says_so_and_so_do_the_figures() {
    let world = World::start().await;
    let copy = world.projection().await;
    let facts = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        image_stored(2, "b", 2),
        inference_requested(2, "b", 3),
    ];
    copy.folded(world.append(&facts[..2]).await).await;
    let job = async |number: u128| copy.ok(&format!("/v1/jobs/{}", job_id(number))).await;
    assert_eq!(job(1).await["waits_for"], Value::Null);

    let config = WorkConfig {
        consumers: vec!["infer-routine".to_owned()],
        concurrency: 4,
        handle_limit: Duration::from_secs(5),
        max_tries: 1,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    };
    let shutdown = CancellationToken::new();
    let (worked, ()) = tokio::join!(work(&world.log, Arc::new(Lacks), &config, &shutdown), async {
        let told = || async { !job(1).await["waits_for"].is_null() };
        assert!(wait_until(DEADLINE, told).await);
        shutdown.cancel();
    });
    worked.unwrap();
    let told = job(1).await;
    assert_eq!(told["status"], "IN_PROGRESS");
    let sentence = told["waits_for"].as_str().unwrap();
    let begin = "no worker has the model chest version 2: 1 wait at infer-routine, the first since ";
    assert!(sentence.starts_with(begin), "{sentence}");
    let figures = copy.ok("/v1/ops/metrics").await;
    let unserved = &figures["unserved"][0];
    assert_eq!((&unserved["need"], &unserved["waiting"]), (&"model chest version 2".into(), &1.into()));

    // One that waits in the queue alone is not said to wait for a model.
    copy.folded(world.append(&facts[2..]).await).await;
    assert_eq!(job(2).await["waits_for"], Value::Null);
}
