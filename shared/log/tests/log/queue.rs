//! Messages that are no facts are handed out until somebody settles them, and are gone then.

use std::time::Duration;

use bytes::Bytes;
use hilum_events::{Priority, samples};
use hilum_log::{
    NOTIFICATIONS, PARKED_NOTIFICATIONS, Queue, QueueConsumer, notification_subject,
    parked_notification_subject,
};
use hilum_servers::{NatsOptions, NatsServer, wait_until};

use crate::{Bench, LIMIT, bench};

async fn open(bench: &Bench) -> Queue {
    let consumer = QueueConsumer {
        stream: NOTIFICATIONS,
        name: "test".to_owned(),
        filter: notification_subject(Priority::Routine),
        max_unsettled: 4,
    };
    bench.log.queue(&consumer).await.unwrap()
}

async fn put(bench: &Bench, text: &'static str) {
    bench
        .log
        .put(&notification_subject(Priority::Routine), Bytes::from_static(text.as_bytes()))
        .await
        .unwrap();
}

async fn held(bench: &Bench) -> u64 {
    bench.log.held_in(NOTIFICATIONS).await.unwrap()
}

#[tokio::test]
async fn what_is_settled_is_gone_and_what_is_put_off_comes_again() {
    let bench = bench().await;
    put(&bench, "a").await;
    put(&bench, "b").await;
    let mut queue = open(&bench).await;
    let first = queue.take().await.unwrap();
    assert_eq!((first.payload().as_ref(), first.deliveries(), first.position()), (&b"a"[..], 1, 1));
    assert!(first.stored_at().is_some());
    first.put_off(Duration::from_millis(200)).await;
    let second = queue.take().await.unwrap();
    assert_eq!(second.payload().as_ref(), b"b");
    second.settle().await;
    assert_eq!(held(&bench).await, 1);
    let again = tokio::time::timeout(LIMIT, queue.take()).await.unwrap().unwrap();
    assert_eq!((again.payload().as_ref(), again.deliveries()), (&b"a"[..], 2));
    let worked = again.in_hand_during(async { 7 }).await;
    again.settle().await;
    assert_eq!((held(&bench).await, worked), (0, 7));
}

#[tokio::test]
async fn what_a_worker_leaves_is_handed_to_the_next_one_at_once() {
    let bench = bench().await;
    let mut queue = open(&bench).await;
    assert!(futures::poll!(std::pin::pin!(queue.take())).is_pending());
    queue.close().await;
    put(&bench, "a").await;
    let mut queue = open(&bench).await;
    let taken = tokio::time::timeout(Duration::from_secs(10), queue.take()).await.unwrap().unwrap();
    assert_eq!(taken.deliveries(), 1);
    taken.settle().await;
}

#[tokio::test]
async fn after_a_restart_of_the_server_a_queue_is_opened_anew() {
    let bench = bench().await;
    put(&bench, "a").await;
    let mut queue = open(&bench).await;
    queue.take().await.unwrap().settle().await;
    put(&bench, "b").await;
    let Bench { server, log, folder } = bench;
    let options = NatsOptions { port: Some(server.port()), ..NatsOptions::in_folder(folder.path().into()) };
    server.stop().await;
    let server = NatsServer::start(&options).await.unwrap();
    let bench = Bench { server, log, folder };
    assert!(wait_until(LIMIT, || async { bench.log.is_connected() }).await);
    let next = tokio::time::timeout(LIMIT, queue.take()).await.unwrap();
    let taken = match next {
        Ok(taken) => taken,
        Err(_) => open(&bench).await.take().await.unwrap(),
    };
    assert_eq!(taken.payload().as_ref(), b"b");
}

#[tokio::test]
async fn only_the_newest_message_under_a_subject_is_kept_and_it_can_be_removed() {
    let bench = bench().await;
    let subject = parked_notification_subject(samples::job_id(1));
    for text in ["a", "b"] {
        bench.log.put(&subject, Bytes::from(text)).await.unwrap();
    }
    let newest = bench.log.newest(PARKED_NOTIFICATIONS, &subject).await.unwrap();
    assert_eq!(newest.as_deref(), Some(&b"b"[..]));
    let (position, first) = bench.log.first_behind(PARKED_NOTIFICATIONS, 0).await.unwrap().unwrap();
    assert_eq!((position, first.as_ref()), (2, &b"b"[..]));
    assert!(bench.log.first_behind(PARKED_NOTIFICATIONS, position).await.unwrap().is_none());
    bench.log.remove(PARKED_NOTIFICATIONS, &subject).await.unwrap();
    assert!(bench.log.newest(PARKED_NOTIFICATIONS, &subject).await.unwrap().is_none());
}

#[tokio::test]
async fn of_the_log_nothing_is_removed() {
    let bench = bench().await;
    let fact = samples::image_stored(1, "a", 0);
    bench.log.append(&fact).await.unwrap();
    assert!(bench.log.remove("EVENTS", &fact.subject()).await.is_err());
}
