//! Work that a worker swallowed: the sweep finds it and hands it out again, and the image is read after all.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hilum_log::{Failure, Handle, WorkConfig, WorkItem, work};
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload, program};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::steps::{has_facts, job};

/// Long enough for a slow machine not to be taken for a fault.
const AFTER_S: &str = "3";

/// Says that all is done and does nothing.
#[derive(Default)]
struct Swallow(AtomicUsize);

impl Handle for Swallow {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Acknowledges the one message that waits at a consumer, without an effect.
async fn swallow_from(stack: &Stack, consumer: &str) {
    let handler = Arc::new(Swallow::default());
    let config = WorkConfig {
        consumers: vec![consumer.to_owned()],
        concurrency: 1,
        handle_limit: LIMIT,
        max_tries: 1,
        max_unanswered: 9,
        drain_limit: LIMIT,
    };
    let stop = CancellationToken::new();
    let (ended, ()) = tokio::join!(work(&stack.log, handler.clone(), &config, &stop), async {
        let gone = || async { handler.0.load(Ordering::SeqCst) == 1 && stack.is_idle().await };
        assert!(wait_until(LIMIT, gone).await);
        stop.cancel();
    });
    ended.unwrap();
}

async fn rehearse(stack: &Stack) -> Output {
    let mut command = Command::new(program("hilum"));
    command.args(["sweep", "--dry-run", "--json"]).env("HILUM_SWEEP_AFTER_S", AFTER_S);
    command.args(["--nats-url", &stack.nats_url(0)]);
    command.args(["--store-url", &format!("file://{}", stack.folder().join("objects").display())]);
    tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap()
}

/// Waits until a dry run names the swallowed work; its findings.
async fn named(stack: &Stack, kind: &str) -> Vec<Value> {
    let mut findings = Vec::new();
    let mut beats = tokio::time::interval(Duration::from_millis(300));
    let looking = async {
        while findings.is_empty() {
            beats.tick().await;
            let output = rehearse(stack).await;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            findings = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
            assert_eq!(output.status.success(), findings.is_empty(), "what is left to do is an exit code");
        }
    };
    tokio::time::timeout(LIMIT, looking).await.unwrap();
    assert_eq!(findings[0]["kind"], kind, "{findings:?}");
    findings
}

/// Swallows the work of `service` on one image and sees it mended.
async fn is_mended(service: &str, consumer: &str, cause: &str, kind: &str, status: &str) {
    let environment =
        vec![("HILUM_SWEEP_AFTER_S", AFTER_S.to_owned()), ("HILUM_SWEEP_EVERY_S", "0.3".to_owned())];
    let mut stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    stack.end("sweep", Signal::SIGTERM).await;
    stack.end(service, Signal::SIGTERM).await;
    let id = stack.submit(Upload::sample("mhh_90070cbc_gray_q40.jpg").with("study", "S-1")).await;
    has_facts(&stack, cause, 1).await;
    swallow_from(&stack, consumer).await;
    stack.start_again(service).await;
    stack.wait_ready_one(service).await;

    let before = stack.log.position().await.unwrap();
    let findings = named(&stack, kind).await;
    assert_eq!((findings.len(), &findings[0]["job_id"]), (1, &id.as_str().into()), "{findings:?}");
    assert_eq!(findings[0]["done"], false, "{findings:?}");
    assert_eq!(job(&stack, &id).await["status"], status);
    assert!(stack.is_idle().await, "a dry run hands nothing out");
    assert_eq!(stack.log.position().await.unwrap(), before);

    stack.start_again("sweep").await;
    stack.result(&id).await;
    stack.report("S-1", 1).await;
    stack.assert_settled().await;
    for name in ["inference-requested", "inference-completed", "report-issued"] {
        assert_eq!(stack.count(name).await, 1, "{name}");
    }
    let nothing_left = rehearse(&stack).await;
    assert!(nothing_left.status.success() && nothing_left.stdout.is_empty(), "{nothing_left:?}");
}

#[tokio::test]
async fn an_image_that_dedupe_swallowed_is_read_after_all() {
    is_mended("dedupe", "dedupe", "image-stored", "image_without_claim", "QUEUED").await;
}

#[tokio::test]
async fn a_reading_that_infer_swallowed_is_made_after_all() {
    let (cause, kind) = ("inference-requested", "reading_without_outcome");
    is_mended("infer", "infer-routine", cause, kind, "IN_PROGRESS").await;
}
