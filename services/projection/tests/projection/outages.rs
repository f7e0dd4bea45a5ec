//! The database or its content goes away while the projection runs.

use hilum_events::samples::{image_stored, inference_requested, job_id, one_of_each};
use hilum_servers::{Postgres, PostgresOptions, wait_until};

use crate::harness::{DEADLINE, World};

#[tokio::test]
async fn a_dropped_database_is_rebuilt_to_the_same_content() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&one_of_each()).await;
    copy.folded(seq).await;
    let before = world.dump().await;

    world.sql("postgres", "DROP DATABASE hilum WITH (FORCE)").await;
    let lost = wait_until(DEADLINE, || async { copy.progress.position() == 0 }).await;
    assert!(lost, "the loss was not noticed");
    copy.folded(seq).await;
    assert_eq!(world.dump().await, before);
    copy.ready().await;
}

#[tokio::test]
async fn dropped_tables_are_rebuilt_to_the_same_content() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&one_of_each()).await;
    copy.folded(seq).await;
    let before = world.dump().await;

    world.sql("hilum", "DROP TABLE jobs CASCADE").await;
    let lost = wait_until(DEADLINE, || async { copy.progress.position() == 0 }).await;
    assert!(lost, "the loss was not noticed");
    copy.folded(seq).await;
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn while_the_database_is_away_answers_say_so_and_afterwards_nothing_is_missing() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    copy.ready().await;

    let World { postgres, log, folder, nats: _nats, .. } = world;
    let port = postgres.port();
    postgres.stop().await;
    let away = || async { copy.health.readiness().waiting_for.contains_key("database") };
    assert!(wait_until(DEADLINE, away).await);
    let (status, problem) = copy.get(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!((status, &problem["retry_after_s"]), (503, &2.into()));
    let seq = log.append(&inference_requested(1, "a", 1)).await.unwrap().seq();

    let options =
        PostgresOptions { port: Some(port), ..PostgresOptions::in_folder(folder.path().join("postgres")) };
    let _postgres = Postgres::start(&options).await.unwrap();
    copy.folded(seq).await;
    copy.ready().await;
    assert_eq!(copy.ok(&format!("/v1/jobs/{}", job_id(1))).await["status"], "IN_PROGRESS");
}
