//! Events become rows: once, whatever is repeated, cut or run side by side.

use hilum_events::samples::{
    dead_letter_resolved, duplicate_linked, image_stored, inference_completed, inference_failed,
    inference_requested, job_dead_lettered, job_id, one_of_each, report_issued,
};
use hilum_events::{Envelope, Event, Fact, Resolution};
use hilum_log::{AppendError, Log, OtherLog};
use hilum_projection::domain::Rows;
use hilum_projection::position::Position;
use hilum_projection::store::Store;
use hilum_servers::{copy_folder, wait_until};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Copy, DEADLINE, World, new_log};

fn story() -> Vec<Envelope> {
    vec![
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        image_stored(2, "a", 2),
        duplicate_linked(2, 1, "a", 3),
        inference_completed(1, "a", 4),
        image_stored(3, "b", 5),
        inference_requested(3, "b", 6),
        inference_failed(3, "b", 7),
        image_stored(4, "c", 8),
        inference_requested(4, "c", 9),
        job_dead_lettered(4, "c", 10),
        report_issued(1, &[1, 2, 3, 4], 11),
        image_stored(5, "d", 12),
        dead_letter_resolved(4, "c", Resolution::Discard, 13),
    ]
}

async fn statuses(copy: &Copy) -> Value {
    let list = copy.ok("/v1/jobs").await;
    list["jobs"].as_array().unwrap().iter().map(|job| job["status"].clone()).collect()
}

#[tokio::test]
async fn one_of_each_event_is_folded_and_a_restart_changes_nothing() {
    let world = World::start().await;
    let seq = world.append(&story()).await;
    let copy = world.projection().await;
    copy.folded(seq).await;
    assert_eq!(statuses(&copy).await, json!(["QUEUED", "FAILED", "FAILED", "COMPLETED", "COMPLETED"]));
    for (status, count) in [("QUEUED", 1), ("IN_PROGRESS", 0), ("FAILED", 2), ("COMPLETED", 2)] {
        let list = copy.ok(&format!("/v1/jobs?status={status}")).await;
        assert_eq!(list["jobs"].as_array().unwrap().len(), count, "{status}");
    }
    let before = world.dump().await;
    assert_eq!(before["history"].as_array().unwrap().len(), story().len());
    copy.stop().await;

    let copy = world.projection().await;
    copy.folded(seq).await;
    assert_eq!(world.dump().await, before);
    copy.ready().await;
}

#[tokio::test]
async fn two_projections_fold_each_event_once_and_one_takes_over_from_the_other() {
    let world = World::start().await;
    let (one, two) = tokio::join!(world.projection(), world.projection());
    let mut seq = 0;
    for envelope in one_of_each() {
        seq = world.append(&[envelope]).await;
        tokio::join!(one.folded(seq), two.folded(seq));
    }
    let dump = world.dump().await;
    assert_eq!(dump["history"].as_array().unwrap().len(), one_of_each().len());
    assert_eq!(dump["dead_letters"].as_array().unwrap().len(), 2, "that of a job and that of a delivery");

    one.stop().await;
    let seq = world.append(&[image_stored(77, "z", 20)]).await.max(seq);
    two.folded(seq).await;
    assert_eq!(two.ok(&format!("/v1/jobs/{}", job_id(77))).await["status"], "QUEUED");
}

#[tokio::test]
async fn messages_that_cannot_be_folded_are_set_aside_and_the_others_go_on() {
    let world = World::start().await;
    let mut poison = inference_failed(3, "b", 4);
    if let Event::InferenceFailed(event) = &mut poison.event {
        event.reason = "Postgres text can't hold a \0".to_owned();
    }
    world.append(&[image_stored(1, "a", 0)]).await;
    let garbage = world.append_raw("evt.not-known.default.1", b"not an event").await;
    let poison = world.append(&[poison]).await;
    let last = world.append(&[image_stored(2, "b", 1)]).await;
    let copy = world.projection().await;
    copy.folded(last).await;

    let dump = world.dump().await;
    assert_eq!(dump["jobs"].as_array().unwrap().len(), 2);
    let unreadable = dump["unreadable"].as_array().unwrap();
    let seqs: Vec<u64> = unreadable.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [garbage, poison]);
    assert_eq!(unreadable[0]["subject"], "evt.not-known.default.1");
    assert_eq!(copy.ok("/v1/ops/metrics").await["unreadable"], 2);
}

#[tokio::test]
async fn what_could_not_be_folded_is_told_and_folded_at_the_next_start() {
    let world = World::start().await;
    let first = world.append(&[image_stored(1, "a", 0)]).await;
    let copy = world.projection().await;
    copy.folded(first).await;
    assert_eq!(copy.health.readiness().notes.len(), 0);
    world.sql("hilum", "ALTER TABLE jobs ADD CONSTRAINT odd CHECK (stored_seq < 2)").await;
    let refused = world.append(&[image_stored(2, "b", 1)]).await;
    copy.folded(refused).await;
    let noted = || async { copy.health.readiness().notes.contains_key("unreadable") };
    assert!(wait_until(DEADLINE, noted).await);
    assert_eq!(world.dump().await["unreadable"][0]["seq"], refused);
    copy.stop().await;

    let copy = world.projection().await;
    copy.folded(refused).await;
    assert!(
        wait_until(DEADLINE, || async { copy.health.readiness().notes.contains_key("unreadable") }).await
    );
    copy.stop().await;

    world.sql("hilum", "ALTER TABLE jobs DROP CONSTRAINT odd").await;
    let copy = world.projection().await;
    copy.folded(refused).await;
    assert_eq!(copy.ok(&format!("/v1/jobs/{}", job_id(2))).await["status"], "QUEUED");
    assert_eq!(world.dump().await["unreadable"], json!([]));
    assert_eq!(copy.health.readiness().notes.len(), 0);
    assert_eq!(copy.ok("/v1/ops/metrics").await["unreadable"], 0);
}

#[tokio::test]
async fn tables_of_a_newer_release_are_filled_with_its_defaults() {
    let world = World::start().await;
    let seq = world.append(&[image_stored(9, "z", 0)]).await;
    let copy = world.projection().await;
    copy.folded(seq).await;
    // In the middle, as a later release does it while this one still runs.
    let newer = "DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'
            AND table_type = 'BASE TABLE' AND table_name NOT IN ('stream_position', '_sqlx_migrations')
        LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN newer boolean NOT NULL DEFAULT false', name); END LOOP;
        END $$";
    world.sql("hilum", newer).await;
    let seq = world.append(&one_of_each()).await;
    copy.folded(seq).await;
    let dump = world.dump().await;
    assert_eq!(dump["unreadable"], json!([]));
    for (table, rows) in dump.as_object().unwrap().iter().filter(|(table, _)| *table != "stream_position") {
        assert!(rows.as_array().unwrap().iter().all(|row| row["newer"] == false), "{table}: {rows}");
    }
}

#[tokio::test]
async fn a_database_folded_from_another_log_is_left_as_it_is() {
    let world = World::start().await;
    let seq = world.append(&story()).await;
    let copy = world.projection().await;
    copy.folded(seq).await;
    let before = world.dump().await;
    copy.stop().await;

    let (_nats, other) = new_log(&world.folder().join("other")).await;
    for number in 100..120 {
        other.append(&image_stored(number, "x", 0)).await.unwrap();
    }
    let copy = Copy::start(&world, &other).await;
    let refused = || async {
        let readiness = copy.health.readiness();
        readiness.waiting_for.get("log").is_some_and(|reason| reason.contains("event stream was made at"))
    };
    assert!(wait_until(DEADLINE, refused).await, "{:?}", copy.health.readiness());
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn what_was_folded_of_another_log_is_found_when_the_true_one_is_back() {
    let world = World::start().await;
    world.append(&[image_stored(1, "a", 0)]).await;
    let world = world.swap_log(|store, copies| copy_folder(store, &copies.join("old"))).await;
    world.append(&[image_stored(2, "b", 1), image_stored(3, "c", 2)]).await;
    let world = world
        .swap_log(|store, copies| {
            copy_folder(store, &copies.join("true"))?;
            copy_folder(&copies.join("old"), store)
        })
        .await;
    // Who comes from elsewhere knows nothing of the true log.
    let stranger = Log::connect(&world.nats.url(), "stranger").await.unwrap();
    stranger.wait_until_usable(&CancellationToken::new()).await;
    let seq = stranger.append(&image_stored(9, "z", 1)).await.unwrap().seq();
    let log = Log::connect(&world.nats.url(), "projection").await.unwrap();
    let copy = Copy::start(&world, &log).await;
    copy.folded(seq).await;
    let before = world.dump().await;

    let world = world.swap_log(|store, copies| copy_folder(&copies.join("true"), store)).await;
    let said = || async {
        let readiness = copy.health.readiness();
        readiness.waiting_for.get("log").is_some_and(|reason| reason.contains("holds another event"))
    };
    assert!(wait_until(DEADLINE, said).await, "{:?}", copy.health.readiness());
    assert_eq!(world.dump().await, before);
    let decision = dead_letter_resolved(1, "a", Resolution::Discard, 13);
    let refused = log.append(&decision).await;
    assert!(matches!(refused, Err(AppendError::OtherLog(OtherLog::Event { seq: 2 }))), "{refused:?}");
}

#[tokio::test]
async fn it_does_not_matter_where_a_batch_ends_nor_whether_it_comes_twice() {
    let world = World::start().await;
    world.sql("postgres", "CREATE DATABASE hilum").await;
    let copy = Copy::without_fold(&world, &world.log).await;
    copy.store.prepare().await.unwrap();
    let mut expected = None;
    for size in [1, 2, 3, 5, 15] {
        let dump = folded_in_batches_of(&world, &copy.store, size).await;
        assert_eq!(*expected.get_or_insert_with(|| dump.clone()), dump, "batches of {size}");
    }
}

async fn folded_in_batches_of(world: &World, store: &Store, size: usize) -> Value {
    world.sql("hilum", "DROP TABLE stream_position").await;
    store.prepare().await.unwrap();
    let mut position = store.position("monday").await.unwrap();
    let mut story = story();
    // A log refuses a second decision; the tables need not rely on it.
    story.push(dead_letter_resolved(4, "c", Resolution::Redrive, 14));
    let placed: Vec<(u64, &Envelope)> = (1..).zip(&story).collect();
    for batch in placed.chunks(size) {
        let mut rows = Rows::default();
        for (seq, envelope) in batch {
            rows.evolve(&Fact { seq: *seq, stored_at: envelope.occurred_at, lane: None, envelope }, None);
        }
        let last_seq = batch.last().unwrap().0;
        let next = Position { last_seq, ..position.clone() };
        assert!(store.write(&position, &next, &rows).await.unwrap());
        // The same rows again, as after a lost acknowledgement: the fence lets them through only by force.
        assert!(!store.write(&position, &next, &rows).await.unwrap());
        assert!(store.write(&next, &next, &rows).await.unwrap());
        position = next;
    }
    world.dump().await
}
