//! More images come than are read: the door refuses early, so that what it took does not wait long, and opens again.

use std::time::Duration;

use hilum_events::Event;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload, workspace};
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::time::{Instant, interval};

/// The readers' pace: 5 a second, so that 30 images make the longest wait.
const MS_PER_IMAGE: u64 = 200;
const MAX_WAIT_S: u64 = 6;
const LONGEST_QUEUE: usize = (MAX_WAIT_S * 1000 / MS_PER_IMAGE) as usize;
const SENDERS: usize = 6;
/// Three times what may wait, so that the pace shows long before the end.
const ENOUGH: usize = 3 * LONGEST_QUEUE;
/// Between two images of a sender: together they bring twenty times what is read.
const BEAT: Duration = Duration::from_millis(60);

#[derive(Default)]
struct Sent {
    accepted: Vec<String>,
    refused: usize,
}

#[tokio::test]
async fn a_flood_is_refused_early_and_what_was_taken_never_is_a_longer_queue_than_the_bound() {
    let environment = vec![
        ("HILUM_ENGINE", "simulated".to_owned()),
        ("HILUM_SIMULATED_MS", MS_PER_IMAGE.to_string()),
        ("HILUM_REPLICAS", "1".to_owned()),
        ("HILUM_MAX_WAIT_S", MAX_WAIT_S.to_string()),
    ];
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    let senders = (0..SENDERS).map(|sender| flood(&stack, sender));
    let sent = futures::future::join_all(senders).await;
    let refused: usize = sent.iter().map(|sent| sent.refused).sum();
    let mut accepted: Vec<_> = sent.into_iter().flat_map(|sent| sent.accepted).collect();
    assert!(refused > 0, "all was taken");

    // Whether or not the door is open again: one that is urgent overtakes, and one that is patient gets in.
    accepted.push(stack.submit(picture(SENDERS, 0).with("priority", "stat")).await);
    accepted.push(stack.submit_stubbornly(picture(SENDERS, 1)).await);
    for job in &accepted {
        assert_eq!(stack.ended(job).await["status"], "COMPLETED", "{job}");
    }
    stack.assert_settled().await;
    assert_eq!(stack.count("image-stored").await, accepted.len(), "what was refused is not in the log");

    let longest = longest_queue(&stack).await;
    // The pace is measured over some seconds, and readings end by the batch.
    assert!(longest <= 2 * LONGEST_QUEUE, "{longest} images waited at a time, {} accepted", accepted.len());
    let metrics = stack.http.get(format!("{}/metrics", stack.url_of("ingest"))).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for metric in ["hilum_ingest_refused_total{reason=\"long-wait\"}", "hilum_door_wait_estimate_seconds"] {
        assert!(metrics.contains(metric), "no {metric} in {metrics}");
    }
}

/// Sends image after image, whatever the answers, until its share is accepted.
async fn flood(stack: &Stack, sender: usize) -> Sent {
    let http = &stack.http;
    let url = format!("{}/v1/jobs", stack.ingest_url());
    let deadline = Instant::now() + LIMIT;
    let mut sent = Sent::default();
    let mut beats = interval(BEAT);
    for number in 0.. {
        beats.tick().await;
        assert!(Instant::now() < deadline, "{} accepted, {} refused", sent.accepted.len(), sent.refused);
        let part = Part::bytes(pixels(sender, number)).file_name("image");
        let answer = http.post(&url).multipart(Form::new().part("image", part)).send().await.unwrap();
        if answer.status() == StatusCode::ACCEPTED {
            let accepted: Value = answer.json().await.unwrap();
            sent.accepted.push(accepted["job_id"].as_str().unwrap().to_owned());
            if sent.accepted.len() >= ENOUGH / SENDERS {
                break;
            }
        } else {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            let retry_after_s: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=120).contains(&retry_after_s), "{retry_after_s}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["type"], "/problems/long-wait", "{problem}");
            sent.refused += 1;
        }
    }
    sent
}

fn picture(sender: usize, number: u32) -> Upload {
    Upload::bytes(&pixels(sender, number))
}

/// A picture that no other file shows, so that each takes a reading of its own: a small chest image with three other
/// pixels near its end.
fn pixels(sender: usize, number: u32) -> Vec<u8> {
    let path = workspace().join("tests/data/encodings/grey8_explicit.dcm");
    let mut bytes = std::fs::read(path).unwrap();
    let [low, high, ..] = number.to_le_bytes();
    let place = bytes.len() - 8;
    bytes[place..place + 3].copy_from_slice(&[low, high, sender as u8]);
    bytes
}

/// The most images that had been stored and not read at any position of the log.
async fn longest_queue(stack: &Stack) -> usize {
    let (mut waiting, mut longest) = (0usize, 0);
    for envelope in stack.events().await {
        match envelope.event {
            Event::ImageStored(_) => waiting += 1,
            Event::InferenceCompleted(_) => waiting -= 1,
            _ => {}
        }
        longest = longest.max(waiting);
    }
    longest
}
