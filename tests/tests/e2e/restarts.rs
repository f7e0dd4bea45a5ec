//! Services that are stopped or killed in the middle: nothing is lost and nothing is done twice.

use std::time::{Duration, Instant};

use hilum_tests::{Stack, StackOptions, Upload};
use nix::sys::signal::Signal;
use sqlx::{Connection as _, PgConnection};

use crate::steps::upload;

const IMAGES: [&str; 6] = [
    "mhh_1479fa94.png",
    "mhh_19073f37.png",
    "mhh_5f619d7e.png",
    "nih_00000001_000.png",
    "chest_mhh_19073f37.dcm",
    "mhh_90070cbc_gray_q40.jpg",
];

#[tokio::test]
async fn each_service_can_be_killed_or_stopped_in_the_middle() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let mut round = 0;
    for service in stack.services() {
        for signal in [Signal::SIGKILL, Signal::SIGTERM] {
            round += 1;
            in_the_middle(&mut stack, &service, signal, round).await;
        }
    }
    stack.assert_settled().await;
    // Each round has its own contents: every content was read once.
    assert_eq!(stack.count("image-stored").await, round * IMAGES.len());
    assert_eq!(stack.count("inference-requested").await, round * IMAGES.len());
    assert_eq!(stack.count("inference-completed").await, round * IMAGES.len());
    assert_eq!(stack.count("report-issued").await, round);
}

/// Sends a study, ends the service while it is being read, starts it again, waits for all results.
async fn in_the_middle(stack: &mut Stack, service: &str, signal: Signal, round: usize) {
    let study = format!("round-{round}");
    let mut jobs = Vec::new();
    for (index, name) in IMAGES.iter().enumerate() {
        // Bytes after the end of an image do not change it but make another content.
        let mut bytes = std::fs::read(hilum_tests::sample(name)).unwrap();
        if !name.ends_with(".dcm") {
            bytes.extend_from_slice(format!("round {round}").as_bytes());
        } else {
            bytes = renamed(&bytes, round);
        }
        let upload = Upload::bytes(&bytes).with("study", &study);
        if index == 3 {
            stack.end(service, signal).await;
            stack.start_again(service).await;
        }
        jobs.push(stack.submit_stubbornly(upload).await);
    }
    for job in &jobs {
        let ended = stack.ended(job).await;
        assert_eq!(ended["status"], "COMPLETED", "{service} {signal}: {ended}");
    }
    let report = stack.report(&study, 1).await;
    assert_eq!(report["images"].as_array().unwrap().len(), IMAGES.len(), "{service} {signal}");
}

/// The same object under another patient's name of the same length.
fn renamed(bytes: &[u8], round: usize) -> Vec<u8> {
    let name = b"CANARY^DONOTLEAK";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let mut renamed = bytes.to_vec();
    renamed[at..at + name.len()].copy_from_slice(format!("CANARY^DONOTL{round:03}").as_bytes());
    renamed
}

/// What an ended worker was given comes again after 30 s. One that stops gracefully gives back what it does not finish: nobody
/// waits so long. `HILUM_RESTARTS` says how often it is tried, 3 times by default.
#[tokio::test]
async fn nobody_waits_for_what_a_worker_had_in_hand_when_it_was_stopped() {
    const SOON: Duration = Duration::from_secs(20);
    let restarts: usize =
        std::env::var("HILUM_RESTARTS").map_or(3, |count| count.parse().expect("HILUM_RESTARTS is a number"));
    let mut stack = Stack::start(StackOptions::default()).await;
    let mut images = 0;
    for restart in 1..=restarts {
        let mut jobs = Vec::new();
        // Some are in hand, some wait, some come while nobody reads.
        for step in 0..3 {
            for _ in 0..4 {
                images += 1;
                let name = IMAGES[images % 4];
                let study = format!("restart-{restart}");
                jobs.push(stack.submit(upload(name, images, &study)).await);
            }
            match step {
                0 => stack.end("infer", Signal::SIGTERM).await,
                1 => stack.start_again("infer").await,
                _ => {}
            }
        }
        stack.wait_ready_one("infer").await;
        let ready = Instant::now();
        for job in &jobs {
            let ended = stack.ended(job).await;
            assert_eq!(ended["status"], "COMPLETED", "restart {restart}: {ended}");
        }
        let waited = ready.elapsed();
        assert!(
            waited < SOON,
            "restart {restart}: the last image was read {waited:?} after the worker was back"
        );
    }
    stack.assert_settled().await;
    assert_eq!(stack.count("inference-completed").await, images);
}

#[tokio::test]
async fn a_dropped_database_is_rebuilt_from_the_log() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let job = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    let again = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    let before = (stack.result(&job).await, stack.ended(&again).await, stack.report("S-1", 1).await);

    stack.end("projection", Signal::SIGTERM).await;
    let mut database = PgConnection::connect(&stack.database_url()).await.unwrap();
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&mut database).await.unwrap();
    stack.start_again("projection").await;
    stack.wait_ready().await;
    let after = (stack.result(&job).await, stack.ended(&again).await, stack.report("S-1", 1).await);
    assert_eq!(before, after);
}
