//! Files made or damaged to bring a reader down, sent to a running stack: each is read or has its reason, every service
//! stays up, and no process ever has more memory than it may have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hilum_tests::{Peak, Stack, StackOptions, Upload, workspace};
use reqwest::StatusCode;

const GIB_IN_KIB: u64 = 1 << 20;
/// What a decoder process may have.
const CHILD_MAX_KIB: u64 = GIB_IN_KIB;
/// With libtorch and the demonstration model.
const INFER_MAX_KIB: u64 = GIB_IN_KIB * 3 / 2;
const OTHERS_MAX_KIB: u64 = GIB_IN_KIB / 4;

#[tokio::test]
async fn hostile_files_have_a_reason_each_and_cost_no_service_and_no_more_memory_than_is_allowed() {
    let mut all = files(&workspace().join("tests/data/hostile"));
    assert!(!all.is_empty());
    let collection = workspace().join("../shared/data/c_broken");
    if collection.is_dir() {
        all.extend(files(&collection));
    } else {
        eprintln!("without the files of {}, which is not there", collection.display());
    }
    let mut stack = Stack::start(StackOptions::default()).await;

    let mut highest: BTreeMap<(String, bool), u64> = BTreeMap::new();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &all {
        let outcome = fate(&stack, file).await;
        *outcomes.entry(outcome).or_default() += 1;
        for Peak { service, is_child, kib } in stack.peaks() {
            let highest = highest.entry((service, is_child)).or_default();
            *highest = kib.max(*highest);
        }
    }
    for ((service, is_child), kib) in &highest {
        let max_kib = match (service.as_str(), is_child) {
            (_, true) => CHILD_MAX_KIB,
            ("infer", false) => INFER_MAX_KIB,
            _ => OTHERS_MAX_KIB,
        };
        assert!(*kib <= max_kib, "{service} (child: {is_child}) had {kib} KiB, may have {max_kib}");
    }
    // What came in well goes on to be read, what did not has not changed that.
    let job = stack.submit(Upload::sample("mhh_1479fa94.png")).await;
    assert_eq!(stack.ended(&job).await["status"], "COMPLETED");
    // Nobody starts a service again that has ended.
    stack.wait_ready().await;
    stack.assert_settled().await;
    eprintln!("{outcomes:?}, highest KiB by service and whether a child: {highest:?}");
}

/// Sends a file and waits for its end; `refused`, `failed` or `read`, the first two with a reason that a sender can
/// read.
async fn fate(stack: &Stack, file: &Path) -> &'static str {
    let (status, answer) = stack.post(Upload::file(file)).await;
    if status != StatusCode::ACCEPTED {
        assert!(matches!(status.as_u16(), 400 | 413 | 415 | 422), "{}: {answer}", file.display());
        assert!(answer["detail"].as_str().unwrap().len() > 20, "{}: {answer}", file.display());
        return "refused";
    }
    let job = stack.ended(answer["job_id"].as_str().unwrap()).await;
    if job["status"] == "COMPLETED" {
        return "read";
    }
    assert!(job["reason"].as_str().unwrap().len() > 20, "{}: {job}", file.display());
    "failed"
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
