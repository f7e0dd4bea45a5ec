//! A process that is killed in the midst of an object loses nothing and makes nothing twice.

use crate::bench::{Bench, OFTEN, SELDOM, WATCH, data};

const FILE: &str = "encodings/grey8_explicit.dcm";

async fn killed_at(point: &str, then: (&str, &str)) {
    let trap = format!("{point}=return");
    let mut bench = Bench::start(WATCH, &[SELDOM, ("FAILPOINTS", &trap)]).await;
    let object = bench.put("in/a.dcm", data(FILE)).await;
    bench.notify(&object).await;
    bench.wait_until_killed().await;
    assert_eq!(bench.waiting().await, 1, "{point}");
    bench.run(&[then]).await;
    bench.wait_for(1).await;
}

#[tokio::test]
async fn between_fetch_and_store_the_notification_comes_again() {
    killed_at("watch.after-fetch", SELDOM).await;
}

#[tokio::test]
async fn between_fetch_and_store_a_list_finds_the_object_sooner() {
    killed_at("watch.after-fetch", OFTEN).await;
}

#[tokio::test]
async fn once_it_is_stored_it_is_stored_once() {
    killed_at("watch.after-store", OFTEN).await;
}
