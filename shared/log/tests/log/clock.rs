//! What time it is at the server, on a real one.

use hilum_events::samples;
use hilum_servers::wait_until;
use jiff::{SignedDuration, Timestamp};

use std::time::Duration;

use hilum_log::{Failure, Log};

use crate::{LIMIT, Scripted, bench, work_config, work_until};

fn fast() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(20)
}

#[tokio::test]
async fn the_time_is_that_which_facts_are_stamped_with_whatever_this_machine_says() {
    let bench = bench().await;
    let log = Log::connect_beside(&bench.server.url(), "fast", fast).await.unwrap();
    let before = log.server_time().await.unwrap();
    let seq = log.append(&samples::image_stored(1, "a", 0)).await.unwrap().seq();
    let stored_at = log.at(seq).await.unwrap().unwrap().stored_at;
    let reached = || async { log.clock().now().is_some_and(|now| now >= stored_at) };
    assert!(before <= stored_at, "{before} {stored_at}");
    assert!(wait_until(LIMIT, reached).await);
    assert!(log.clock().now().unwrap().duration_since(stored_at) < SignedDuration::from_secs(5));
    let note = log.clock().note().unwrap();
    assert!(note.contains("ahead of"), "{note}");
    assert_eq!(bench.log.server_time().await.map(|_| bench.log.clock().note()).unwrap(), None);
}

#[tokio::test]
async fn the_server_is_asked_without_anybody_wanting_to_know() {
    let bench = bench().await;
    assert!(wait_until(LIMIT, || async { bench.log.clock().now().is_some() }).await);
}

/// A ticket that a fast machine writes is due when its wait is over, not 20 s later.
#[tokio::test]
async fn a_retry_that_a_fast_machine_put_off_comes_when_its_wait_is_over() {
    let bench = bench().await;
    let log = Log::connect_beside(&bench.server.url(), "fast", fast).await.unwrap();
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, before| (before == 0).then(|| Failure::Retry("no luck".into())));
    let begun = std::time::Instant::now();
    work_until(&log, handler.clone(), &work_config("dedupe"), async || handler.calls() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
