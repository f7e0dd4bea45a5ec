//! Images that an earlier release could not read: read by themselves when they come again, or when an operator says so,
//! and every job that shares them is healed.

use std::sync::Arc;
use std::time::Duration;

use hilum_events::{Event, InferenceFailed};
use hilum_log::{Failure, Handle, Log, WorkConfig, WorkItem, work};
use hilum_tests::{LIMIT, Stack, StackOptions, program};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::steps::{all_become, another, has_facts, job, send_at_once};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";

/// A worker of the first release, which could decode nothing of this kind and did not say who it was.
struct FirstRelease(Log);

impl Handle for FirstRelease {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let Event::InferenceRequested(request) = &item.envelope.event else { panic!("filtered") };
        let failed = Event::InferenceFailed(InferenceFailed {
            reading_id: request.reading_id,
            job_id: request.job_id,
            attempt: request.attempt,
            code: "unsupported".to_owned(),
            reason: "this kind of JPEG can't be decoded".to_owned(),
            reader: None,
        });
        self.0.append(&item.envelope.next(Timestamp::now(), failed)).await?;
        Ok(())
    }
}

async fn retry(stack: &Stack, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program("hilum"));
    command.args(["job", "retry", "--why", "the decoder was mended", "--by", "ada"]).args(arguments);
    command.arg("--url").arg(stack.query_url());
    let output = tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap();
    let said = [&*output.stdout, &*output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn what_the_first_release_failed_is_read_when_it_comes_again_or_an_operator_says_so() {
    let mut stack = Stack::start(StackOptions::default()).await;
    stack.end("infer", Signal::SIGTERM).await;
    let contents = [another(IMAGE, "one"), another(IMAGE, "two"), another(IMAGE, "three")];
    let mut jobs = Vec::new();
    let shutdown = CancellationToken::new();
    let config = WorkConfig {
        consumers: vec!["infer-stat".to_owned(), "infer-routine".to_owned()],
        concurrency: 4,
        handle_limit: LIMIT,
        max_tries: 3,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    };
    let worker = Arc::new(FirstRelease(stack.log.clone()));
    for bytes in &contents {
        jobs.push(send_at_once(&stack, bytes, 2, &["S-1", "S-2"]).await);
    }
    // All before the first fails: dedupe is of this release, and would ask again for what comes after that.
    has_facts(&stack, "duplicate-linked", 3).await;
    let (worked, ()) = tokio::join!(work(&stack.log, worker, &config, &shutdown), async {
        all_become(&stack, &jobs.concat(), "FAILED").await;
        shutdown.cancel();
    });
    worked.unwrap();
    for study in ["S-1", "S-2"] {
        stack.report(study, 1).await;
    }
    stack.start_again("infer").await;

    // Known better, it is read for whoever brings it next, and for those who brought it before.
    let again = send_at_once(&stack, &contents[0], 1, &["S-3"]).await;
    all_become(&stack, &again, "COMPLETED").await;
    all_become(&stack, &jobs[0], "COMPLETED").await;
    assert_eq!(job(&stack, &jobs[1][0]).await["status"], "FAILED", "nobody asked for the others");

    let (done, said) = retry(&stack, &[&jobs[1][1]]).await;
    assert!(done && said.contains("1 redriven"), "{said}");
    all_become(&stack, &jobs[1], "COMPLETED").await;
    let (done, said) = retry(&stack, &["--reason", "unsupported", "--before-release", "0.1.0"]).await;
    assert!(done && said.contains("1 redriven"), "{said}");
    all_become(&stack, &jobs[2], "COMPLETED").await;

    for study in ["S-1", "S-2"] {
        let is_healed = |report: &Value| {
            report["images"].as_array().unwrap().iter().all(|image| image["status"] == "completed")
        };
        // One revision or more, as the outcomes came within the quiet time or not.
        let mut revision = 2;
        while !is_healed(&stack.report(study, revision).await) {
            revision += 1;
        }
    }
    has_facts(&stack, "inference-completed", 3).await;
    assert_eq!(stack.count("inference-requested").await, 6);
    assert_eq!(stack.count("dead-letter-resolved").await, 2);
    let (done, said) = retry(&stack, &[&jobs[1][0]]).await;
    assert!(!done && said.contains("the job did not fail") || said.contains("its image was read"), "{said}");
    stack.assert_settled().await;
}
