//! Real files: each arrives as it was sent, or is told to be none that is taken; the door stays.

use std::path::{Path, PathBuf};

use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_test_log::files_below;

use crate::bench::Bench;

/// Sends all files of these folders, a request for each; how many were stored, and how many not.
async fn check(bench: &Bench, folders: &[PathBuf]) -> (usize, usize) {
    let decoder = DecoderPool::new(DecoderConfig { size: 1, ..DecoderConfig::sibling().unwrap() });
    let (mut taken, mut refused) = (0, 0);
    for path in folders.iter().flat_map(|folder| files_below(folder)) {
        let file = std::fs::read(&path).unwrap();
        let before = bench.stored().await.len();
        let answer = bench.store(&[&file]).await;
        let stored = bench.stored().await;
        let is_object = file.get(128..132) == Some(b"DICM") && decoder.inspect(&file).await.is_ok();
        if is_object {
            assert_eq!((answer.status, answer.stored.len()), (200, 1), "{}: {answer:?}", path.display());
            assert!(bench.object(&stored[before].1) == file, "{}: other bytes", path.display());
            taken += 1;
        } else {
            let failures = answer.failed.len() + answer.unnamed.len();
            assert_eq!((answer.status, failures), (409, 1), "{}: {answer:?}", path.display());
            assert_eq!(stored.len(), before, "{}", path.display());
            refused += 1;
        }
    }
    (taken, refused)
}

#[tokio::test]
async fn each_sample_of_the_repository_arrives_or_is_told_why_not() {
    let bench = Bench::start(&[]).await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let counts = check(&bench, &["encodings", "hostile", "windows"].map(|name| data.join(name))).await;
    assert!(counts.0 > 30 && counts.1 > 5, "{counts:?}");
}

#[tokio::test]
async fn each_file_of_the_large_collection_arrives_or_is_told_why_not() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.exists() {
        eprintln!("skipped: {} is not there", data.display());
        return;
    }
    let bench = Bench::start(&[]).await;
    let counts = check(&bench, &["b_dicom", "d_studies"].map(|name| data.join(name))).await;
    assert!(counts.0 > 30, "{counts:?}");
    let broken = check(&bench, &[data.join("c_broken")]).await;
    assert!(broken.1 > 5, "{broken:?}");
    eprintln!("stored and refused: {counts:?}, of the broken ones {broken:?}");
}
