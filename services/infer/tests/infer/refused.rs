//! A worker whose model does not prove itself takes no image: those that wait go on waiting, untouched.

use std::process::Stdio;
use std::time::Duration;

use hilum_events::samples;
use hilum_log::{Log, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use tokio::process::Command;

use crate::support::{demo, with_a_wrong_golden_logit};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_fails_its_check_takes_no_image() {
    let (demo, folder) = (demo(), TestFolder::new().unwrap());
    let model = with_a_wrong_golden_logit(&demo.folder, folder.path());
    let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
    let log = Log::connect(&nats.url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    apply_definitions(&log, 1).await.unwrap();
    log.append(&samples::inference_requested(1, "a", 0)).await.unwrap();

    let mut worker = Command::new(env!("CARGO_BIN_EXE_hilum-infer"));
    worker.args(["--engine", "tch", "--precision", "fp32"]);
    worker.env("HILUM_NATS_URL", nats.url()).env("HILUM_MODEL", model.path());
    worker.env("HILUM_STORE_URL", format!("file://{}", folder.path().join("objects").display()));
    let worker = worker.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).output();
    let ended = tokio::time::timeout(LIMIT, worker).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("more than allowed"), "{said}");
    let positions = log.consumer_positions().await.unwrap();
    let readers = positions.iter().filter(|position| position.consumer == "infer-routine");
    let taken: Vec<_> = readers.map(|position| (position.delivered_seq, position.in_hand)).collect();
    assert!(!taken.is_empty() && taken.iter().all(|taken| *taken == (0, 0)), "{taken:?}");
    assert_eq!(positions.iter().map(|position| position.waiting).sum::<u64>(), 1);
}
