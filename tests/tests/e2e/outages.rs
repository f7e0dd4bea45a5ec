//! Storage or log away: the door says so and takes nothing half; work goes on by itself when they are back.

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, StoreKind, Upload};
use reqwest::{Response, StatusCode};

const IMAGE: &str = "mhh_1479fa94.png";

async fn send(stack: &Stack) -> Response {
    let image = std::fs::read(hilum_tests::sample(IMAGE)).unwrap();
    let form = reqwest::multipart::Form::new().part("image", reqwest::multipart::Part::bytes(image));
    let request = reqwest::Client::new().post(format!("{}/v1/jobs", stack.ingest_url())).multipart(form);
    request.send().await.unwrap()
}

fn assert_try_later(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

async fn unready(stack: &Stack, service: &str) -> bool {
    let answer = reqwest::get(format!("{}/readyz", stack.url_of(service))).await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
}

#[tokio::test]
async fn while_the_log_is_away_nothing_is_accepted_and_afterwards_all_goes_on() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let before = stack.submit(Upload::sample("mhh_5f619d7e.png").with("study", "S-1")).await;
    let nats = stack.kill_nats().await;
    assert_try_later(&send(&stack).await);
    for service in stack.services() {
        assert!(wait_until(LIMIT, || unready(&stack, &service)).await, "{service} says that it is ready");
    }
    stack.start_nats_again(&nats).await;
    stack.wait_ready().await;
    stack.result(&before).await;
    let after = stack.submit_stubbornly(Upload::sample(IMAGE).with("study", "S-2")).await;
    stack.result(&after).await;
    stack.report("S-1", 1).await;
    stack.report("S-2", 1).await;
    stack.assert_settled().await;
    assert_eq!(stack.count("image-stored").await, 2, "what was refused is not in the log");
}

#[tokio::test]
async fn while_storage_is_away_nothing_is_accepted_and_no_fact_is_written() {
    let mut stack = Stack::start(StackOptions { store: StoreKind::S3, ..StackOptions::default() }).await;
    let port = stack.end_s3();
    assert_try_later(&send(&stack).await);
    assert!(wait_until(LIMIT, || unready(&stack, "ingest")).await);
    stack.start_s3_again(port).await;
    assert_eq!(stack.events().await, []);
    let job = stack.submit_stubbornly(Upload::sample(IMAGE)).await;
    stack.result(&job).await;
    stack.assert_settled().await;
}
