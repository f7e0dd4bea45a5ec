//! Work that was given up and what an operator does about it: every job that shares it says so, and is healed.

use std::path::PathBuf;
use std::process::Output;

use hilum_events::Sha256Digest;
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, StoreKind, program};
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::process::Command;

use crate::steps::{all_become, another, dead_letters, decide, has_facts, job, send_at_once};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";

/// One content that was damaged in storage before it was read.
struct Damaged {
    stack: Stack,
    jobs: Vec<String>,
    bytes: Vec<u8>,
    object: PathBuf,
}

impl Damaged {
    /// Sends it so many times at once into these studies and waits until it was given up.
    async fn given_up(copies: usize, times: usize, studies: &[&str]) -> Self {
        let options = StackOptions { store: StoreKind::S3, copies, ..StackOptions::default() };
        let mut stack = Stack::start(options).await;
        for copy in stack.copies_of("infer") {
            stack.end(&copy, Signal::SIGTERM).await;
        }
        let bytes = another(IMAGE, "damaged");
        let jobs = send_at_once(&stack, &bytes, times, studies).await;
        has_facts(&stack, "duplicate-linked", times - 1).await;
        let object = stack.object_file(&Sha256Digest::of(&bytes));
        std::fs::write(&object, &bytes[..bytes.len() / 2]).unwrap();
        for copy in stack.copies_of("infer") {
            stack.start_again(&copy).await;
        }
        all_become(&stack, &jobs, "FAILED").await;
        Self { stack, jobs, bytes, object }
    }

    /// Its only dead letter.
    async fn letter(&self) -> Value {
        let letters = dead_letters(&self.stack, "all").await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        letters[0].clone()
    }

    async fn dlq(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("hilum"));
        command.arg("dlq").args(arguments).arg("--url").arg(self.stack.query_url());
        tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Names of the steps of a job.
async fn steps(stack: &Stack, id: &str) -> Vec<String> {
    let job = job(stack, id).await;
    let steps = job["history"].as_array().unwrap();
    steps.iter().map(|step| step["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_redrive_heals_all_jobs_that_share_the_work_and_repeating_it_changes_nothing() {
    let damaged = Damaged::given_up(2, 12, &["S-1", "S-2"]).await;
    let Damaged { stack, jobs, bytes, object } = &damaged;
    let letter = damaged.letter().await;
    let reason = letter["reason"].as_str().unwrap();
    for id in jobs {
        assert_eq!(job(stack, id).await["reason"], reason);
    }
    for study in ["S-1", "S-2"] {
        stack.report(study, 1).await;
    }

    std::fs::write(object, bytes).unwrap();
    let (status, decided) = decide(stack, &letter["id"], "redrive", "the object was restored").await;
    assert_eq!((status, &decided["already"]), (StatusCode::ACCEPTED, &false.into()), "{decided}");
    all_become(stack, jobs, "COMPLETED").await;
    let findings = stack.result(&jobs[0]).await["findings"].clone();
    for id in jobs {
        assert_eq!(stack.result(id).await["findings"], findings);
    }
    for study in ["S-1", "S-2"] {
        let report = stack.report(study, 2).await;
        let images = report["images"].as_array().unwrap();
        assert_eq!(images.len(), jobs.len() / 2);
        assert!(images.iter().all(|image| image["status"] == "completed"), "{report}");
    }
    let owner = letter["job_id"].as_str().unwrap();
    let told = [
        "image-stored",
        "inference-requested",
        "job-dead-lettered",
        "dead-letter-resolved",
        "inference-requested",
        "inference-completed",
    ];
    assert_eq!(steps(stack, owner).await, told);

    assert!(wait_until(LIMIT, || stack.is_idle()).await);
    let before = stack.log.position().await.unwrap();
    let (status, again) = decide(stack, &letter["id"], "redrive", "once more").await;
    assert_eq!((status, &again["already"]), (StatusCode::OK, &true.into()), "{again}");
    assert_eq!(again["resolved_why"], "the object was restored", "the first decision stands");
    let (status, other) = decide(stack, &letter["id"], "discard", "changed my mind").await;
    assert_eq!(status, StatusCode::CONFLICT, "{other}");
    assert_eq!(stack.log.position().await.unwrap(), before);
    assert_eq!(stack.count("inference-completed").await, 1);
    assert_eq!(stack.count("inference-requested").await, 2);
    assert_eq!(stack.count("report-issued").await, 4);

    let shown = damaged.dlq(&["show", &letter["id"].to_string()]).await;
    let shown = (shown.status.success(), text(&shown));
    for must in ["redriven by ops@test", "the object was restored", owner, reason] {
        assert!(shown.0 && shown.1.contains(must), "{must}:\n{}", shown.1);
    }
}

#[tokio::test]
async fn a_new_upload_of_what_was_given_up_is_a_new_attempt_and_heals_the_older_jobs() {
    let damaged = Damaged::given_up(1, 3, &["S-1"]).await;
    let Damaged { stack, jobs, bytes, .. } = &damaged;
    stack.report("S-1", 1).await;
    // Whoever stores the same content again makes its object whole.
    let newer = send_at_once(stack, bytes, 4, &["S-2"]).await;
    all_become(stack, &newer, "COMPLETED").await;
    all_become(stack, jobs, "COMPLETED").await;
    let report = stack.report("S-1", 2).await;
    let images = report["images"].as_array().unwrap();
    assert!(images.len() == 3 && images.iter().all(|image| image["status"] == "completed"), "{report}");
    assert_eq!(stack.count("inference-requested").await, 2);
    assert_eq!(stack.count("inference-completed").await, 1);
    assert_eq!(stack.count("job-dead-lettered").await, 1);

    // The operator who comes late redrives what is healed already: nothing is read again.
    let (status, decided) = decide(stack, &damaged.letter().await["id"], "redrive", "late").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{decided}");
    has_facts(stack, "dead-letter-resolved", 1).await;
    assert!(wait_until(LIMIT, || stack.is_idle()).await);
    all_become(stack, &newer, "COMPLETED").await;
    all_become(stack, jobs, "COMPLETED").await;
    assert_eq!(stack.count("inference-requested").await, 2);
}

#[tokio::test]
async fn a_discard_needs_a_reason_and_closes_the_dead_letter_and_the_job_stays_failed() {
    let damaged = Damaged::given_up(1, 2, &["S-1"]).await;
    let Damaged { stack, jobs, .. } = &damaged;
    let letter = damaged.letter().await;
    let id = letter["id"].to_string();
    for missing in ["", "   "] {
        let (status, problem) = decide(stack, &letter["id"], "discard", missing).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("`why`"), "{problem}");
    }
    assert!(!damaged.dlq(&["discard", "--id", &id]).await.status.success(), "--why is missing");
    let rehearsed = damaged.dlq(&["discard", "--id", &id, "--dry-run"]).await;
    assert!(rehearsed.status.success(), "{}", text(&rehearsed));
    assert_eq!(stack.count("dead-letter-resolved").await, 0);
    assert_eq!(dead_letters(stack, "open").await.len(), 1);

    let before = job(stack, &jobs[0]).await;
    let done = damaged.dlq(&["discard", "--id", &id, "--why", "the patient was imaged again"]).await;
    assert!(done.status.success(), "{}", text(&done));
    let closed = || async { dead_letters(stack, "open").await.is_empty() };
    assert!(wait_until(LIMIT, closed).await);
    let discarded = dead_letters(stack, "discarded").await;
    assert_eq!(discarded[0]["resolved_why"], "the patient was imaged again", "{discarded:?}");
    let after = job(stack, &jobs[0]).await;
    assert_eq!((&after["status"], &after["reason"]), (&before["status"], &before["reason"]));
    all_become(stack, jobs, "FAILED").await;
    let (status, problem) = decide(stack, &letter["id"], "redrive", "after all").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(wait_until(LIMIT, || stack.is_idle()).await);
    assert_eq!(stack.count("inference-requested").await, 1);
}
