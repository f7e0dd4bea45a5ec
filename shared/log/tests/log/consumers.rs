//! Consumers that a service makes from its settings.

use hilum_events::samples;
use hilum_log::{ConsumerDefinition, Ensured, Failure};

use crate::{Scripted, bench, work_config, work_until};

fn definition(max_ack_pending: i64) -> ConsumerDefinition {
    ConsumerDefinition {
        name: "deliver-pacs".to_owned(),
        lanes: None,
        filter_subjects: vec!["evt.image-stored.>".to_owned()],
        ack_wait_s: 30,
        max_deliver: 10,
        max_ack_pending,
    }
}

#[tokio::test]
async fn a_consumer_begins_where_it_is_told_to_and_tries_again() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    assert_eq!(bench.log.ensure_consumer(&definition(8), None).await.unwrap(), Ensured::Missing);
    assert_eq!(bench.log.ensure_consumer(&definition(8), Some(1)).await.unwrap(), Ensured::Made);
    bench.log.append(&samples::image_stored(2, "b", 0)).await.unwrap();
    assert_eq!(bench.log.ensure_consumer(&definition(16), None).await.unwrap(), Ensured::Found);
    bench.log.append(&samples::image_stored(3, "c", 0)).await.unwrap();
    let handler = Scripted::new(|job, before| {
        assert_ne!(job, 1, "it was there before");
        (before == 0).then(|| Failure::Retry("no luck".into()))
    });
    let done = async || handler.calls() == 3 && !bench.log.has_retry("deliver-pacs", 2).await.unwrap();
    work_until(&bench.log, handler.clone(), &work_config("deliver-pacs"), done).await;
    assert_eq!(bench.log.ensure_consumer(&definition(16), None).await.unwrap(), Ensured::Found);
}

#[tokio::test]
async fn all_facts_under_filters_are_read_in_order_and_none_is_waited_for() {
    let bench = bench().await;
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
        samples::image_stored(2, "b", 3),
    ];
    for fact in &facts {
        bench.log.append(fact).await.unwrap();
    }
    let read = bench.log.all_under(&["evt.image-stored.>", "evt.inference-completed.>"]).await.unwrap();
    assert_eq!(read.iter().map(|recorded| recorded.seq).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(bench.log.all_under(&["evt.report-issued.>"]).await.unwrap().is_empty());
}
