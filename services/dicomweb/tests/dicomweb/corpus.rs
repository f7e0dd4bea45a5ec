//! Real files: each arrives as it was sent, or is told to be none that is taken; the door stays.

use std::path::{Path, PathBuf};

use hilum_imaging::{DecoderConfig, DecoderPool};

use crate::bench::Bench;

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

/// Sends all files of these folders, a request for each; how many were stored, and how many not.
async fn check(bench: &Bench, folders: &[PathBuf]) -> (usize, usize) {
    let decoder = DecoderPool::new(DecoderConfig { size: 1, ..DecoderConfig::sibling().unwrap() });
    let mut all = Vec::new();
    folders.iter().for_each(|folder| files(folder, &mut all));
    let (mut taken, mut refused) = (0, 0);
    for path in all {
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
