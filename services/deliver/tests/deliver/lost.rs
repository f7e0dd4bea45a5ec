//! A target whose consumer was lost gets all that was meant for it, each once; a target that is new gets what comes from now
//! on.

use crate::bench::Bench;
use crate::receiver::Receiver;
use crate::webhooks::webhook;

#[tokio::test]
async fn what_was_issued_and_not_delivered_when_a_consumer_was_lost_is_delivered_once() {
    let bench = Bench::new().await;
    bench.issue(1, "{}").await;
    let receiver = Receiver::start(&[]).await;
    let desk = webhook(&bench, "desk", &receiver.url, "");
    let copy = bench.start(&desk).await;
    bench.issue(2, "{}").await;
    bench.delivered("desk", 2).await;
    copy.stop().await;
    bench.issue(3, "{}").await;
    bench.lose("deliver-desk").await;
    bench.issue(4, "{}").await;

    let copy = bench.start(&desk).await;
    for revision in [3, 4] {
        bench.delivered("desk", revision).await;
    }
    copy.stop().await;
    assert_eq!(receiver.got().len(), 3, "the second was delivered before");
    assert_eq!(bench.count("evt.report-delivered.*.*.report-1.desk.*").await, 0, "the target was not there");
    // Once more, without anything that was lost: nothing is told of it.
    let copy = bench.start(&desk).await;
    bench.issue(5, "{}").await;
    bench.delivered("desk", 5).await;
    copy.stop().await;
    assert_eq!(receiver.got().len(), 4);
}

#[tokio::test]
async fn the_floor_that_the_sweep_keeps_counts_where_it_is_further() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let desk = webhook(&bench, "desk", &receiver.url, "");
    let copy = bench.start(&desk).await;
    bench.issue(1, "{}").await;
    bench.delivered("desk", 1).await;
    copy.stop().await;
    let (floors, last_seq) = bench.log.floors().await.unwrap();
    assert_eq!(floors.floors.get("deliver-desk"), Some(&last_seq), "{floors:?}");
    bench.store.write_record(hilum_log::FLOORS_RECORD, floors.write().unwrap().into()).await.unwrap();
    bench.lose("deliver-desk").await;
    bench.issue(2, "{}").await;
    let copy = bench.start(&desk).await;
    bench.delivered("desk", 2).await;
    copy.stop().await;
    assert_eq!(receiver.got().len(), 2);
}
