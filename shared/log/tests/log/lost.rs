//! A consumer that was lost is made anew where it stood, and what lies between is told.

use hilum_events::samples;
use hilum_log::{ApplyError, Floors, apply_definitions, apply_definitions_knowing, drift};

use crate::{Bench, Scripted, bench, settled, work_config, work_until};

/// Images that dedupe has settled, and so many that it has not, when its consumer is lost; the floors before.
async fn lose_dedupe(bench: &Bench, done: u128, open: u128) -> Floors {
    for number in 1..=done {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let handler = Scripted::new(|_, _| None);
    work_until(&bench.log, handler, &work_config("dedupe"), async || settled(&bench.log).await).await;
    let (floors, last_seq) = bench.log.floors().await.unwrap();
    assert_eq!(floors.floors.get("dedupe"), Some(&last_seq));
    for number in done + 1..=done + open {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    stream.delete_consumer("dedupe").await.unwrap();
    floors
}

/// What waits for dedupe now.
async fn waiting(bench: &Bench) -> u64 {
    let depths = bench.log.queue_depths().await.unwrap();
    depths.iter().find(|depth| depth.consumer == "dedupe").unwrap().waiting
}

#[tokio::test]
async fn a_lost_consumer_is_missed_and_begins_at_its_floor_and_this_is_told() {
    let bench = bench().await;
    let floors = lose_dedupe(&bench, 20, 3).await;
    let missed = drift(&bench.log, 1).await.unwrap();
    assert_eq!((missed[0].what.as_str(), missed[0].difference.as_str()), ("EVENTS/dedupe", "it is missing"));
    let applied = apply_definitions_knowing(&bench.log, 1, Some(&floors)).await.unwrap();
    let told = applied.iter().find(|drift| drift.what == "EVENTS/dedupe").expect("it is told");
    assert!(told.difference.contains("position 20, 3 facts before the end"), "{told:?}");
    assert_eq!(waiting(&bench).await, 3);
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);
}

#[tokio::test]
async fn who_does_not_know_where_a_consumer_stood_does_not_make_it() {
    let bench = bench().await;
    lose_dedupe(&bench, 2, 1).await;
    let refused = apply_definitions_knowing(&bench.log, 1, None).await.unwrap_err();
    assert!(matches!(&refused, ApplyError::UnknownFloor { consumer } if consumer == "dedupe"), "{refused}");
    assert!(bench.log.queue_depths().await.is_err(), "it is not made");
    // Floors are known, and this one is not among them: nothing may be skipped.
    apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(waiting(&bench).await, 3);
    assert_eq!(apply_definitions_knowing(&bench.log, 1, None).await.unwrap(), []);
}
