//! Storage or log away: the door says so and takes nothing half; work goes on by itself when they are back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, StoreKind, Upload};
use reqwest::{Response, StatusCode};

use crate::steps::{each_reading_was_made_once, has_facts, is_ready, readiness, upload};

const IMAGE: &str = "mhh_1479fa94.png";

async fn send(stack: &Stack) -> Response {
    let image = std::fs::read(hilum_tests::sample(IMAGE)).unwrap();
    let form = reqwest::multipart::Form::new().part("image", reqwest::multipart::Part::bytes(image));
    let request = stack.http.post(format!("{}/v1/jobs", stack.ingest_url())).multipart(form);
    request.send().await.unwrap()
}

fn assert_try_later(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

async fn unready(stack: &Stack, service: &str) -> bool {
    let answer = stack.http.get(format!("{}/readyz", stack.url_of(service))).send().await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
}

#[tokio::test]
async fn while_the_log_is_away_nothing_is_accepted_and_afterwards_all_goes_on() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let before = stack.submit(Upload::sample("mhh_5f619d7e.png").with("study", "S-1")).await;
    stack.kill_nats().await;
    assert_try_later(&send(&stack).await);
    for service in stack.services() {
        assert!(wait_until(LIMIT, || unready(&stack, &service)).await, "{service} says that it is ready");
    }
    stack.start_nats_again().await;
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

const AWAY: Duration = Duration::from_secs(6);
/// From the return of what was away until all goes on.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Per service and outage: about one for each change of state, not one for each thing that failed.
const MOST_WARNINGS: usize = 30;

/// A stack in which one dependency is away for a while under load.
struct Outage {
    stack: Stack,
    accepted: Vec<String>,
    warned_before: BTreeMap<String, usize>,
}

impl Outage {
    async fn begin(options: StackOptions) -> Self {
        let stack = Stack::start(options).await;
        let mut outage = Self { stack, accepted: Vec::new(), warned_before: BTreeMap::new() };
        outage.send(3).await;
        for service in outage.stack.services() {
            let warned = outage.warnings(&service);
            outage.warned_before.insert(service, warned);
        }
        outage
    }

    /// Sends so many images that must be accepted.
    async fn send(&mut self, count: usize) {
        for _ in 0..count {
            let id = self.stack.submit(upload(IMAGE, self.accepted.len(), "S-1")).await;
            self.accepted.push(id);
        }
    }

    /// Sends all the time that the dependency is away; each upload must be refused.
    async fn is_refused_while_away(&self) {
        let begun = Instant::now();
        while begun.elapsed() < AWAY {
            assert_try_later(&send(&self.stack).await);
        }
    }

    /// The dependency came back at `back`: everything is ready and an image is read, soon.
    async fn recovers(&mut self, back: Instant) -> Duration {
        let id = self.stack.submit_stubbornly(upload(IMAGE, "after", "S-2")).await;
        self.accepted.push(id);
        self.stack.wait_ready().await;
        self.stack.result(self.accepted.last().unwrap()).await;
        let took = back.elapsed();
        assert!(took < BACK_WITHIN, "it took {took:?}");
        took
    }

    /// All that was accepted is read, and nobody drowned the log in warnings.
    async fn left_no_trace(&self) {
        for id in &self.accepted {
            self.stack.result(id).await;
        }
        self.stack.assert_settled().await;
        assert_eq!(self.stack.count("image-stored").await, self.accepted.len());
        each_reading_was_made_once(&self.stack, self.accepted.len()).await;
        for (service, before) in &self.warned_before {
            let warned = self.warnings(service) - before;
            eprintln!("{service} warned {warned} times");
            assert!(warned < MOST_WARNINGS, "{service}:\n{}", self.stack.log_of(service));
        }
    }

    fn warnings(&self, service: &str) -> usize {
        let log = self.stack.log_of(service);
        log.lines()
            .filter(|line| line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#))
            .count()
    }
}

#[tokio::test]
async fn without_postgres_images_are_taken_read_and_reported_and_answers_come_right_after_its_return() {
    let mut outage = Outage::begin(StackOptions::default()).await;
    outage.stack.kill_postgres().await;
    let begun = Instant::now();
    outage.send(5).await;
    has_facts(&outage.stack, "inference-completed", outage.accepted.len()).await;
    has_facts(&outage.stack, "report-issued", 1).await;
    let said = || async {
        let said = readiness(&outage.stack, "projection").await;
        said.is_some_and(|(status, why)| status == 503 && why.contains("database"))
    };
    assert!(wait_until(LIMIT, said).await);
    for service in ["ingest", "dedupe", "infer", "report", "sweep"] {
        assert!(is_ready(&outage.stack, service).await, "{service} does not need Postgres");
    }
    while begun.elapsed() < AWAY {
        let (status, problem) = outage.stack.get("/v1/jobs").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    }
    outage.stack.start_postgres_again().await;
    let took = outage.recovers(Instant::now()).await;
    eprintln!("Postgres: all goes on {took:?} after its return");
    outage.left_no_trace().await;
}

#[tokio::test]
async fn all_goes_on_soon_after_the_return_of_the_log() {
    let mut outage = Outage::begin(StackOptions::default()).await;
    outage.stack.kill_nats().await;
    outage.is_refused_while_away().await;
    outage.stack.start_nats_again().await;
    let took = outage.recovers(Instant::now()).await;
    eprintln!("NATS: all goes on {took:?} after its return");
    outage.left_no_trace().await;
}

#[tokio::test]
async fn all_goes_on_soon_after_the_return_of_storage() {
    let mut outage = Outage::begin(StackOptions { store: StoreKind::S3, ..StackOptions::default() }).await;
    let port = outage.stack.end_s3();
    outage.is_refused_while_away().await;
    outage.stack.start_s3_again(port).await;
    let took = outage.recovers(Instant::now()).await;
    eprintln!("S3: all goes on {took:?} after its return");
    outage.left_no_trace().await;
}
