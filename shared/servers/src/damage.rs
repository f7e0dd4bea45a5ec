//! Damage to a nats-server's store, for tests: what a disk does to a block without telling anybody.

use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a message between its subject and what is flipped: within its headers or payload.
const BEHIND_SUBJECT: usize = 40;

/// Flips one bit of the first message under `subject` of a stream, in the store below `folder` of a server that is stopped.
///
/// # Errors
/// When no block file of the stream holds the subject, or the files can't be read and written.
pub fn damage_message(folder: &Path, stream: &str, subject: &str) -> io::Result<()> {
    for block in blocks(folder, &format!("{stream}/msgs"))? {
        let mut bytes = std::fs::read(&block)?;
        let found = bytes.windows(subject.len()).position(|window| window == subject.as_bytes());
        if let Some(byte) = found.and_then(|at| bytes.get_mut(at + subject.len() + BEHIND_SUBJECT)) {
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
