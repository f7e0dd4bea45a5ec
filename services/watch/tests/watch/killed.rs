//! A process that is killed in the midst of an object loses nothing and makes nothing twice.

use std::time::Duration;

use hilum_servers::wait_until;

use crate::bench::{Bench, OFTEN, SELDOM, WATCH, aws, data};

const FILE: &str = "encodings/grey8_explicit.dcm";

/// Before a message that nobody answered is handed out again.
const ACK_WAIT: Duration = Duration::from_secs(30);

async fn killed_at(point: &str, then: (&str, &str)) -> Bench {
    let trap = format!("{point}=return");
    let mut bench = Bench::start(WATCH, &[SELDOM, ("FAILPOINTS", &trap)]).await;
    let object = bench.put("in/a.dcm", data(FILE)).await;
    bench.queue(&object).await;
    bench.wait_until_killed().await;
    assert_eq!(bench.waiting().await, 1, "{point}");
    bench.run(&[then]).await;
    bench
}

#[tokio::test]
async fn while_its_store_waits_for_an_answer_a_list_finds_the_object() {
    for point in ["watch.after-fetch", "watch.after-store"] {
        let trap = format!("{point}=return");
        let mut bench = Bench::start(WATCH, &[SELDOM, ("FAILPOINTS", &trap)]).await;
        let object = bench.put("in/a.dcm", data(FILE)).await;
        // Nothing was promised.
        assert!(bench.post(aws(&object).to_string()).send().await.is_err(), "{point}");
        bench.wait_until_killed().await;
        assert_eq!(bench.waiting().await, 0, "{point}");
        bench.run(&[OFTEN]).await;
        bench.wait_for(1).await;
    }
}

#[tokio::test]
async fn between_fetch_and_store_the_notification_comes_again() {
    killed_at("watch.after-fetch", SELDOM).await.wait_for(1).await;
}

#[tokio::test]
async fn between_fetch_and_store_a_list_finds_the_object_sooner() {
    let bench = killed_at("watch.after-fetch", OFTEN).await;
    assert!(wait_until(ACK_WAIT / 2, || async { bench.stored().await.len() == 1 }).await);
    bench.wait_for(1).await;
}

#[tokio::test]
async fn once_it_is_stored_it_is_stored_once() {
    killed_at("watch.after-store", OFTEN).await.wait_for(1).await;
}
