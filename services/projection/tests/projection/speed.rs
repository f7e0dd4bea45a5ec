use crate::harness::*;
use hilum_events::samples::*;
use hilum_events::{Envelope, StudyId};
use hilum_projection::domain::{Fact, Rows};
use hilum_projection::position::Position;
use hilum_projection::queries::*;
#[tokio::test]
async fn speed() {
    let world = World::start().await;
    world.sql("postgres", "CREATE DATABASE hilum").await;
    let copy = Copy::without_fold(&world, &world.log).await;
    copy.store.prepare().await.unwrap();
    let mut position = copy.store.position("m").await.unwrap();
    let begun = std::time::Instant::now();
    let mut seq = 0;
    for batch in 0..200u128 {
        let mut rows = Rows::default();
        for n in 0..167u128 {
            let number = batch * 167 + n;
            let c = format!("{number}");
            for envelope in [
                image_stored(number, &c, number as i64),
                inference_requested(number, &c, number as i64),
                inference_completed(number, &c, number as i64 + 1),
            ] {
                seq += 1;
                rows.evolve(&Fact { seq, trace_id: None, envelope: &envelope });
            }
        }
        let next = Position { last_seq: seq, ..position.clone() };
        assert!(copy.store.write(&position, &next, &rows).await.unwrap());
        position = next;
    }
    eprintln!("{seq} events in {:?}", begun.elapsed());
    let q = Queries::new(copy.pool.clone());
    for _ in 0..2 {
        let t = std::time::Instant::now();
        q.story(job_id(5)).await.unwrap();
        eprintln!("story {:?}", t.elapsed());
        let t = std::time::Instant::now();
        q.jobs(&JobFilter { limit: 50, ..Default::default() }).await.unwrap();
        eprintln!("jobs {:?}", t.elapsed());
        let t = std::time::Instant::now();
        q.jobs(&JobFilter {
            limit: 50,
            status: Some(hilum_projection::job::Status::Failed),
            ..Default::default()
        })
        .await
        .unwrap();
        eprintln!("jobs failed {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let e = q.ended_since(at(33400 - 300)).await.unwrap();
        eprintln!("ended {:?} {e:?}", t.elapsed());
        let t = std::time::Instant::now();
        let e = q.ended_since(at(0)).await.unwrap();
        eprintln!("ended all {:?} {e:?}", t.elapsed());
        world.sql("hilum", "ANALYZE").await;
    }
    let _ = (StudyId::from_uuid(uuid_nil()), None::<Envelope>);
}
fn uuid_nil() -> uuid::Uuid {
    uuid::Uuid::nil()
}
