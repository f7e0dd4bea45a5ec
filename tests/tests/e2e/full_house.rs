//! Too much waits: the door says so and opens again by itself.

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions};
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::Value;

use crate::steps::{all_become, another, send_to, upload};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";
const MAX_WAITING: usize = 5;
/// The door looks each second how many wait; far more than a sender brings in that time.
const TOO_MANY: usize = 500;

#[tokio::test]
async fn while_too_many_images_wait_uploads_are_refused_and_then_taken_again() {
    let environment = vec![("HILUM_MAX_WAITING", MAX_WAITING.to_string())];
    let mut stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    stack.end("infer", Signal::SIGTERM).await;
    let mut jobs = Vec::new();
    let refused = loop {
        let answer = send_to(&stack.ingest_url(), &another(IMAGE, jobs.len()), "S-1").await.unwrap();
        if answer.status() != StatusCode::ACCEPTED {
            break answer;
        }
        let accepted: Value = answer.json().await.unwrap();
        jobs.push(accepted["job_id"].as_str().unwrap().to_owned());
        assert!(jobs.len() < TOO_MANY, "nothing is refused");
    };
    assert!(jobs.len() > MAX_WAITING, "refused after {}", jobs.len());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let retry_after_s: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(retry_after_s >= 1);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/full", "{problem}");
    assert_eq!(stack.count("image-stored").await, jobs.len(), "what was refused is not in the log");
    // As long as nothing is read it stays so.
    let (status, _) = stack.post(upload(IMAGE, "refused", "S-1")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);

    stack.start_again("infer").await;
    jobs.push(stack.submit_stubbornly(upload(IMAGE, "late", "S-1")).await);
    all_become(&stack, &jobs, "COMPLETED").await;
    assert!(wait_until(LIMIT, || stack.is_idle()).await);
    stack.assert_settled().await;
    assert_eq!(stack.count("image-stored").await, jobs.len());
}
