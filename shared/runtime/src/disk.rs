//! How much room a disk has.

use std::io;
use std::path::Path;

/// Bytes that are free for this user on the disk of `path`. Blocks for as long as the file system does.
///
/// # Errors
/// When the file system does not tell.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(path)?;
    Ok(found.blocks_available() as u64 * found.fragment_size() as u64)
}
