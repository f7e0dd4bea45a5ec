//! A log that was replaced or cut is noticed before anything is written to it, and with the right one back all goes
//! on.

use std::path::{Path, PathBuf};

use hilum_log::{SEAL_RECORD, Seal};
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions};
use nix::sys::signal::Signal;
use reqwest::StatusCode;

use crate::steps::{another, readiness, send_to, upload};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";

/// What is put in the place of the log.
#[derive(Clone, Copy)]
enum Impostor {
    /// An empty one.
    Empty,
    /// A copy that was made before the last images.
    Older,
}

impl Impostor {
    /// What a service says of it, each in its own words.
    fn is_named_in(self, text: &str) -> bool {
        let words: &[&str] = match self {
            Self::Empty => &["one made at"],
            Self::Older => &["but it went to", "was folded to"],
        };
        words.iter().any(|words| text.contains(words))
    }
}

/// What the services do meanwhile.
#[derive(Clone, Copy)]
enum Services {
    Stopped,
    Running,
}

fn jetstream(stack: &Stack) -> PathBuf {
    stack.folder().join("nats/jetstream")
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn sealed_to_the_end(stack: &Stack) -> bool {
    let Some(record) = stack.store.read_record(SEAL_RECORD).await.unwrap() else { return false };
    let seal: Seal = serde_json::from_slice(&record).unwrap();
    seal.seq == stack.log.position().await.unwrap().last_seq
}

/// Whether the service said why it does nothing: in its readiness, or at last as it ended.
async fn refuses(stack: &Stack, service: &str, impostor: Impostor) -> bool {
    match readiness(stack, service).await {
        Some((status, page)) => status == 503 && impostor.is_named_in(&page),
        None => {
            let log = stack.log_of(service);
            impostor.is_named_in(log.rsplit(r#""message":"started""#).next().unwrap())
        }
    }
}

/// The door takes nothing: it says so, or nobody answers.
async fn is_shut(stack: &Stack, door: &str) {
    let answer = send_to(&stack.url_of(door), &another(IMAGE, "third"), "S-3").await;
    if let Ok(answer) = answer {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
}

/// Starts again what has ended, as a supervisor does.
async fn start_what_ended(stack: &mut Stack) {
    for service in stack.services() {
        if readiness(stack, &service).await.is_none() {
            stack.start_again(&service).await;
        }
    }
    stack.wait_ready().await;
}

async fn nothing_is_written_to(impostor: Impostor, services: Services) {
    let environment = vec![("HILUM_SEAL_EVERY_S", "0.2".to_owned())];
    // The second copies write little or nothing, and must notice all the same: they look how far the log goes
    // while the second study is quiet.
    let (copies, quiet_time_s) = if let Services::Running = services { (2, 3.5) } else { (1, 0.5) };
    let options = StackOptions { environment, copies, quiet_time_s, ..StackOptions::default() };
    let mut stack = Stack::start(options).await;
    let (right, older) = (stack.folder().join("right"), stack.folder().join("older"));
    let first = stack.submit(upload(IMAGE, "first", "S-1")).await;
    stack.report("S-1", 1).await;
    stack.kill_nats().await;
    copy_folder(&jetstream(&stack), &older);
    stack.start_nats_again().await;
    stack.wait_ready().await;
    let second = stack.submit_stubbornly(upload(IMAGE, "second", "S-2")).await;
    stack.report("S-2", 1).await;
    assert!(wait_until(LIMIT, || sealed_to_the_end(&stack)).await);

    if let Services::Stopped = services {
        for service in stack.services() {
            stack.end(&service, Signal::SIGTERM).await;
        }
    }
    stack.kill_nats().await;
    std::fs::rename(jetstream(&stack), &right).unwrap();
    if let Impostor::Older = impostor {
        std::fs::rename(&older, jetstream(&stack)).unwrap();
    }
    stack.start_nats_again().await;
    assert!(wait_until(LIMIT, || async { stack.log.position().await.is_ok() || older.exists() }).await);
    stack.apply_definitions().await;
    let before = stack.log.position().await.unwrap();
    if let Services::Stopped = services {
        for service in stack.services() {
            stack.start_again(&service).await;
        }
    }

    for service in stack.services() {
        let refused = wait_until(LIMIT, || refuses(&stack, &service, impostor)).await;
        assert!(refused, "{service}: {:?}\n{}", readiness(&stack, &service).await, stack.log_of(&service));
    }
    for door in stack.copies_of("ingest") {
        is_shut(&stack, &door).await;
    }
    assert_eq!(stack.log.position().await.unwrap(), before, "something was written");

    stack.kill_nats().await;
    std::fs::remove_dir_all(jetstream(&stack)).unwrap();
    std::fs::rename(&right, jetstream(&stack)).unwrap();
    stack.start_nats_again().await;
    start_what_ended(&mut stack).await;
    let third = stack.submit_stubbornly(upload(IMAGE, "third", "S-3")).await;
    for job in [&first, &second, &third] {
        stack.result(job).await;
    }
    stack.report("S-3", 1).await;
    stack.assert_settled().await;
    assert_eq!(stack.count("inference-completed").await, 3);
}

#[tokio::test]
async fn services_that_start_on_an_empty_log_write_nothing_to_it() {
    nothing_is_written_to(Impostor::Empty, Services::Stopped).await;
}

#[tokio::test]
async fn services_that_start_on_an_older_copy_of_the_log_write_nothing_to_it() {
    nothing_is_written_to(Impostor::Older, Services::Stopped).await;
}

#[tokio::test]
async fn services_whose_log_is_emptied_while_they_run_write_nothing_to_it() {
    nothing_is_written_to(Impostor::Empty, Services::Running).await;
}

#[tokio::test]
async fn services_whose_log_is_replaced_by_an_older_copy_while_they_run_write_nothing_to_it() {
    nothing_is_written_to(Impostor::Older, Services::Running).await;
}
