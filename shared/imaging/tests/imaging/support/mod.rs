//! What the tests of this crate share: where the sample files are, and a pool of real decoder processes.

pub(crate) mod dicom;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::MediaType;
use hilum_imaging::{DecodeError, DecoderConfig, DecoderPool, Picture, RefusalCode};

pub(crate) fn config() -> DecoderConfig {
    let mut config = DecoderConfig::new(env!("CARGO_BIN_EXE_hilum-decoder"));
    config.size = 2;
    config.time_limit = Duration::from_secs(60);
    config
}

pub(crate) fn pool() -> DecoderPool {
    DecoderPool::new(config())
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder below `tests/data`.
pub(crate) fn data(folder: &str) -> PathBuf {
    workspace().join("tests/data").join(folder)
}

/// A folder beside the checkout that not every machine has.
pub(crate) fn beside_the_checkout(folder: &str) -> Option<PathBuf> {
    let path = workspace().join("../shared").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

pub(crate) fn image(name: &str) -> Vec<u8> {
    fs::read(data("images").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The type told by the first bytes. What has none is offered as a PNG.
pub(crate) fn media(bytes: &[u8]) -> MediaType {
    MediaType::recognise(bytes).unwrap_or(MediaType::Png)
}

pub(crate) async fn decode(pool: &DecoderPool, bytes: &[u8]) -> Result<Picture, DecodeError> {
    pool.decode(media(bytes), bytes).await
}

/// The code of the refusal that `result` must be.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> RefusalCode {
    match result {
        Err(DecodeError::Refused(refusal)) => refusal.code,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}
