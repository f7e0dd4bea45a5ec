//! All files of the large sample collection, where it lies beside the checkout: each is read or clearly refused,
//! and everything is still up afterwards.

use std::path::{Path, PathBuf};

use hilum_tests::{Stack, StackOptions, Upload, workspace};
use reqwest::StatusCode;

#[tokio::test]
async fn every_file_is_read_or_clearly_refused_and_all_services_stay_up() {
    let collection = workspace().join("../shared/data");
    if !collection.exists() {
        eprintln!("skipped: {} is not there", collection.display());
        return;
    }
    let mut stack = Stack::start(StackOptions::default()).await;
    for file in files(&collection.join("a_chest_xray_png_jpeg")) {
        let job = stack.submit(Upload::file(&file)).await;
        assert_eq!(stack.ended(&job).await["status"], "COMPLETED", "{}", file.display());
    }
    for folder in ["a2_valid_png_jpeg_variants", "b_dicom", "c_broken"] {
        let mut accepted = Vec::new();
        for file in files(&collection.join(folder)) {
            let (status, answer) = stack.post(Upload::file(&file)).await;
            if status == StatusCode::ACCEPTED {
                accepted.push((file, answer["job_id"].as_str().unwrap().to_owned()));
            } else {
                let refused = matches!(status.as_u16(), 415 | 422);
                assert!(
                    refused && answer["detail"].as_str().unwrap().len() > 20,
                    "{}: {answer}",
                    file.display()
                );
            }
        }
        for (file, job) in accepted {
            let job = stack.ended(&job).await;
            let reason = job["reason"].as_str().unwrap_or_default();
            let clear = job["status"] == "COMPLETED" || reason.len() > 20;
            assert!(clear, "{}: {job}", file.display());
        }
    }
    stack.wait_ready().await;
    stack.assert_settled().await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}
