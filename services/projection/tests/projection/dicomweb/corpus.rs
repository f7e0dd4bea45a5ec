//! Real files: each that a door takes is retrieved bit by bit, has metadata and a picture.

use std::path::PathBuf;

use hilum_projection::dicomweb::access::Access;
use reqwest::StatusCode;

use super::bench::{Bench, address, data, dicom_files};

/// Takes each file in and asks for all of it; how many were taken.
async fn check(files: Vec<PathBuf>) -> usize {
    let mut bench = Bench::start(Access::Full).await;
    let mut taken = 0;
    for path in files {
        let bytes = bytes::Bytes::from(std::fs::read(&path).unwrap());
        let Some(job) = bench.take(bytes.clone(), "").await else { continue };
        taken += 1;
        // The newest: others have the same names.
        let instance = bench.json("/instances?limit=1").await.remove(0);
        let (at, name) = (address(&instance), path.display().to_string());
        let one = bench.ask(&at, "application/dicom").await;
        assert_eq!(one.status(), StatusCode::OK, "{name}");
        assert!(one.bytes().await.unwrap() == bytes, "{name}: other bytes");
        let metadata = bench.ask(&format!("{at}/metadata"), "*/*").await;
        assert_eq!(metadata.status(), StatusCode::OK, "{name}");
        assert!(!metadata.headers().contains_key("warning"), "{name}: its header is not read");
        for (what, accept) in [("rendered", "image/png"), ("frames/1", "*/*")] {
            let response = bench.ask(&format!("{at}/{what}"), accept).await;
            let status = response.status();
            let text = response.bytes().await.unwrap();
            let is_told = status == StatusCode::UNPROCESSABLE_ENTITY && what == "rendered";
            assert!(
                status == StatusCode::OK || is_told,
                "{name}: {what}: {}",
                String::from_utf8_lossy(&text)
            );
        }
        bench.take_out(job).await;
    }
    taken
}

#[tokio::test]
async fn each_file_of_the_repository_comes_back_as_it_was() {
    let folders = ["images", "encodings", "windows", "hostile", "field"];
    let files = folders.iter().flat_map(|folder| dicom_files(&data().join(folder))).collect();
    let taken = check(files).await;
    assert!(taken > 60, "{taken}");
}

#[tokio::test]
async fn each_file_of_the_large_collection_comes_back_as_it_was() {
    let folder = data().join("../../../shared/data");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let files = ["b_dicom", "d_studies", "c_broken"].iter().flat_map(|name| dicom_files(&folder.join(name)));
    let taken = check(files.collect()).await;
    assert!(taken > 30, "{taken}");
    eprintln!("{taken} files");
}
