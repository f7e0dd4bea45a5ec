//! Damage to a nats-server's store, for tests: what a disk does to a block without telling anybody.

use std::io;
use std::path::{Path, PathBuf};

/// Flips one bit of the first message under `subject` of a stream, in the store below `folder` of a server that is stopped:
/// in the byte that stands `place` bytes behind the begin of the subject. Before it stand lengths, position and time, behind
/// it headers and payload.
///
/// # Errors
/// When no block file of the stream holds the subject, or the files can't be read and written.
pub fn damage_message(folder: &Path, stream: &str, subject: &str, place: i64) -> io::Result<()> {
    for block in blocks(folder, &format!("{stream}/msgs"))? {
        let mut bytes = std::fs::read(&block)?;
        let found = bytes.windows(subject.len()).position(|window| window == subject.as_bytes());
        let place = found.and_then(|at| usize::try_from(i64::try_from(at).ok()? + place).ok());
        if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
            *byte ^= 1;
            return std::fs::write(&block, bytes);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no message under {subject}")))
}

/// The block files in the folders that end with `within`.
fn blocks(folder: &Path, within: &str) -> io::Result<Vec<PathBuf>> {
    let mut blocks = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            blocks.extend(self::blocks(&path, within)?);
        } else if folder.ends_with(within) && path.extension().is_some_and(|extension| extension == "blk") {
            blocks.push(path);
        }
    }
    Ok(blocks)
}
