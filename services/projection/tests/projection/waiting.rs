//! Nobody needs to poll: answers that come when something happens.

use std::time::{Duration, Instant};

use hilum_events::samples::{
    duplicate_linked, image_stored, inference_completed, inference_requested, job_id, report_issued,
};
use serde_json::Value;

use crate::harness::World;

#[tokio::test]
async fn a_waiting_request_is_answered_when_its_job_ends() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world
        .append(&[image_stored(1, "a", 0), inference_requested(1, "a", 1), image_stored(2, "a", 2)])
        .await;
    copy.folded(seq).await;
    let (first, duplicate) =
        (format!("/v1/jobs/{}?wait=60s", job_id(1)), format!("/v1/jobs/{}/result?wait=60s", job_id(2)));
    let begun = Instant::now();
    let (first, duplicate, _) = tokio::join!(copy.ok(&first), copy.ok(&duplicate), async {
        world.append(&[duplicate_linked(2, 1, "a", 3), inference_completed(1, "a", 4)]).await
    });
    assert_eq!(first["status"], "COMPLETED");
    assert_eq!(duplicate["top_label"], "Effusion");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_wait_that_is_over_tells_how_it_stands() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    let begun = Instant::now();
    let job = copy.ok(&format!("/v1/jobs/{}?wait=300ms", job_id(1))).await;
    assert_eq!(job["status"], "QUEUED");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_wait_ends_with_the_service() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    let path = format!("/v1/jobs/{}?wait=60s", job_id(1));
    let begun = Instant::now();
    let (job, ()) = tokio::join!(copy.ok(&path), async { copy.ask_to_stop() });
    assert_eq!(job["status"], "QUEUED");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_report_can_be_waited_for() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    // The objects of the sample report are not stored: reaching for them shows that the wait is over.
    let ((status, _), _) = tokio::join!(copy.get("/v1/studies/S-1/report?wait=60s"), async {
        world.append(&[report_issued(1, &[1], 5)]).await
    });
    assert_eq!(status, 500);
}

#[tokio::test]
async fn a_job_known_to_the_log_alone_is_waited_for_too() {
    let world = World::start().await;
    let copy = world.projection().await;
    copy.ready().await;
    world.append(&[image_stored(1, "a", 0)]).await;
    let path = format!("/v1/jobs/{}?wait=60s", job_id(1));
    let (job, _) = tokio::join!(copy.ok(&path), async {
        world.append(&[inference_requested(1, "a", 1), inference_completed(1, "a", 2)]).await
    });
    assert_eq!(job["status"], "COMPLETED");
}

/// The server-sent events of a stream that ends: their ids, names and statuses.
fn told(text: &str) -> Vec<(String, String, String)> {
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    blocks
        .map(|block| {
            let data: Value = serde_json::from_str(&field(block, "data:")).unwrap();
            let status = data["status"].as_str().unwrap().to_owned();
            (field(block, "id:"), field(block, "event:"), status)
        })
        .collect()
}

#[tokio::test]
async fn the_life_of_a_job_is_streamed_until_it_has_ended() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    let url = format!("{}/v1/jobs/{}/events", copy.base, job_id(1));
    let client = hilum_runtime::http_client().build().unwrap();
    let mut response = client.get(&url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    // The first step is told before the next one happens.
    let mut text = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    world.append(&[inference_requested(1, "a", 1), inference_completed(1, "a", 2)]).await;
    text.push_str(&response.text().await.unwrap());
    let expected = [
        ("1", "image-stored", "QUEUED"),
        ("2", "inference-requested", "IN_PROGRESS"),
        ("3", "inference-completed", "COMPLETED"),
        ("3-ended", "ended", "COMPLETED"),
    ]
    .map(|(id, name, status)| (id.to_owned(), name.to_owned(), status.to_owned()));
    assert_eq!(told(&text), expected);

    let again = client.get(&url).header("last-event-id", "2").send().await.unwrap().text().await.unwrap();
    assert_eq!(told(&again), expected[2..]);
    let enough = client.get(&url).header("last-event-id", "3-ended").send().await.unwrap();
    assert_eq!(enough.status(), 204);
}
