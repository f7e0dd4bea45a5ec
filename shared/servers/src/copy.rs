//! A copy of a server's store, as somebody keeps it against the loss of the store.

use std::io;
use std::path::Path;

/// Makes `to` a copy of the folder `from`; what was in `to` before is gone. No server may run in either.
///
/// # Errors
/// When a folder can't be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
