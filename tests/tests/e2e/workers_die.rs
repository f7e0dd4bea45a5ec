//! Uploads of one image at the same time, and workers that die over it: the work that they share goes on.

use std::time::Duration;

use hilum_tests::{Stack, StackOptions};
use nix::sys::signal::Signal;

use crate::steps::{all_become, another, each_reading_was_made_once, has_facts, send_at_once};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";
const TIMES: usize = 20;
const SOON: Duration = Duration::from_secs(40);

/// Ends all copies of a service and starts them with a trap, this time only.
async fn arm(stack: &mut Stack, service: &str, trap: &str) {
    let copies = stack.copies_of(service);
    for copy in &copies {
        stack.end(copy, Signal::SIGTERM).await;
        stack.start_again_with(copy, &[("FAILPOINTS", trap.to_owned())]).await;
    }
    for copy in &copies {
        stack.wait_ready_one(copy).await;
    }
}

/// Waits until all copies of an armed service have died, and starts them again.
async fn died(stack: &mut Stack, service: &str) {
    let copies = stack.copies_of(service);
    for copy in &copies {
        assert!(stack.ends_by_itself(copy, SOON).await, "{copy} lives:\n{}", stack.log_of(copy));
    }
    for copy in &copies {
        stack.start_again(copy).await;
    }
}

#[tokio::test]
async fn what_many_uploads_share_outlives_the_workers_that_began_it() {
    let options = StackOptions { copies: 2, ack_wait_s: Some(2), ..StackOptions::default() };
    let mut stack = Stack::start(options).await;
    arm(&mut stack, "dedupe", "append.after=2*off->return").await;
    arm(&mut stack, "infer", "infer.read=return").await;
    let jobs = send_at_once(&stack, &another(IMAGE, "shared"), TIMES, &["S-1"]).await;
    // The first copy dies over the image; it goes to the second, which dies too.
    died(&mut stack, "dedupe").await;
    died(&mut stack, "infer").await;
    all_become(&stack, &jobs, "COMPLETED").await;

    has_facts(&stack, "duplicate-linked", TIMES - 1).await;
    let findings = stack.result(&jobs[0]).await["findings"].clone();
    for id in &jobs {
        assert_eq!(stack.result(id).await["findings"], findings);
    }
    stack.assert_settled().await;
    assert_eq!(stack.count("inference-requested").await, 1);
    assert_eq!(stack.count("duplicate-linked").await, TIMES - 1);
    each_reading_was_made_once(&stack, 1).await;
    let report = stack.report("S-1", 1).await;
    assert_eq!(report["images"].as_array().unwrap().len(), TIMES);
    assert_eq!(stack.count("report-issued").await, 1);
}
