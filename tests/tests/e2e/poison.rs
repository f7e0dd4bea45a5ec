//! An image that ends its worker, or hangs the model, costs its own job only.

use std::time::Duration;

use futures::future::join_all;
use hilum_events::Sha256Digest;
use hilum_tests::{Stack, StackOptions};
use nix::sys::signal::Signal;

use crate::steps::{
    all_become, another, dead_letters, each_reading_was_made_once, job, kept_up, send_to, upload,
};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";
const GOOD_ONES: usize = 10;
/// As declared: `HILUM_INFER_MAX_UNANSWERED`.
const UNANSWERED: usize = 3;

#[tokio::test]
async fn an_image_that_kills_its_workers_fails_alone() {
    let poison = another(IMAGE, "poison");
    let trap = format!("infer.read.{:.8}=return", Sha256Digest::of(&poison).to_string());
    let environment = vec![("FAILPOINTS", trap)];
    let options = StackOptions { ack_wait_s: Some(2), environment, ..StackOptions::default() };
    let mut stack = Stack::start(options).await;

    // All wait together, so that the poison comes in the midst of the others.
    stack.end("infer", Signal::SIGTERM).await;
    let door = stack.ingest_url();
    let mut jobs = join_all((0..GOOD_ONES / 2).map(|n| stack.submit(upload(IMAGE, n, "S-1")))).await;
    let sent: serde_json::Value = send_to(&door, &poison, "S-1").await.unwrap().json().await.unwrap();
    let poisoned = sent["job_id"].as_str().unwrap().to_owned();
    jobs.extend(join_all((GOOD_ONES / 2..GOOD_ONES).map(|n| stack.submit(upload(IMAGE, n, "S-1")))).await);
    crate::steps::has_facts(&stack, "inference-requested", GOOD_ONES + 1).await;

    let all: Vec<String> = jobs.iter().chain([&poisoned]).cloned().collect();
    let workers = kept_up(&mut stack, "infer", async |stack| {
        let states = join_all(all.iter().map(|id| job(stack, id))).await;
        states.iter().all(|job| job["status"] == "COMPLETED" || job["status"] == "FAILED")
    })
    .await;
    assert_eq!(workers, UNANSWERED + 1, "it may cost so many workers and no more");
    all_become(&stack, &jobs, "COMPLETED").await;
    each_reading_was_made_once(&stack, GOOD_ONES).await;

    let failed = job(&stack, &poisoned).await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("workers took this and ended or hung before they answered"), "{reason}");
    let open = dead_letters(&stack, "open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((&open[0]["job_id"], &open[0]["service"]), (&poisoned.into(), &"infer".into()));
    let (_, story) = stack.get(&format!("/v1/ops/dlq/{}", open[0]["id"])).await;
    let tries = story["dead_letter"]["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 1, "{story}");
    assert_eq!(tries[0]["deliveries"], UNANSWERED + 1, "{story}");

    let report = stack.report("S-1", 1).await;
    let images = report["images"].as_array().unwrap();
    let failed: Vec<_> = images.iter().filter(|image| image["status"] != "completed").collect();
    assert_eq!((images.len(), failed.len()), (GOOD_ONES + 1, 1), "{report}");
    assert!(failed[0]["reason"].as_str().unwrap().contains("workers took this"), "{}", failed[0]);
}

#[tokio::test]
async fn a_hung_forward_pass_ends_the_worker_and_all_images_are_read_by_the_next() {
    let options = StackOptions { ack_wait_s: Some(2), ..StackOptions::default() };
    let mut stack = Stack::start(options).await;
    stack.end("infer", Signal::SIGTERM).await;
    let hang = [
        ("FAILPOINTS", "infer.forward=1*sleep(100000)->off".to_owned()),
        ("HILUM_FORWARD_LIMIT_S", "2".to_owned()),
    ];
    stack.start_again_with("infer", &hang).await;
    stack.wait_ready_one("infer").await;
    let jobs = join_all((0..6).map(|n| stack.submit(upload(IMAGE, n, "S-1")))).await;
    assert!(stack.ends_by_itself("infer", Duration::from_secs(40)).await, "{}", stack.log_of("infer"));
    stack.start_again("infer").await;
    all_become(&stack, &jobs, "COMPLETED").await;
    each_reading_was_made_once(&stack, jobs.len()).await;
    stack.assert_settled().await;
}
