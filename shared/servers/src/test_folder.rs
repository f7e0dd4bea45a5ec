//! The folder of a test that starts servers or services. When the test fails it is kept, and what everybody wrote last
//! is printed, so that a failure that does not come again can still be looked into.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use tempfile::TempDir;

use crate::tail;

/// Lines that are printed of each log.
const LAST_LINES: usize = 12;
/// How deep logs lie: `logs/`, `nats/0/`.
const DEPTH: usize = 3;
/// Of memory that is free for files.
const ENOUGH_BYTES: u64 = 4 << 30;

/// A temporary folder, removed when dropped unless the test is failing.
#[derive(Debug)]
pub struct TestFolder {
    folder: Option<TempDir>,
}

impl TestFolder {
    /// Makes one that other accounts may pass through: Postgres never runs as root. It is in memory where there is enough,
    /// for a new database is a thousand files; HILUM_TEST_FOLDER names another place.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("hilum-test-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(parent())?;
        // A test that is killed for its time can say nothing later. Only what failed is shown.
        eprintln!("this test's files are in {}", folder.path().display());
        Ok(Self { folder: Some(folder) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("only `keep` and `drop` take it").path()
    }

    /// Leaves it for people to look at, prints the end of each log in it, and says where it is.
    pub fn keep(mut self) {
        keep(self.folder.take());
    }
}

fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let has_room =
        || statvfs(memory).is_ok_and(|it| it.blocks_available() * it.fragment_size() >= ENOUGH_BYTES);
    match std::env::var_os("HILUM_TEST_FOLDER") {
        Some(place) => place.into(),
        None if has_room() => memory.to_owned(),
        None => std::env::temp_dir(),
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            keep(self.folder.take());
        }
    }
}

fn keep(folder: Option<TempDir>) {
    if let Some(folder) = folder.map(TempDir::keep) {
        eprintln!("{}everything is left in {}", last_lines(&folder), folder.display());
    }
}

/// The end of each log below `folder`.
fn last_lines(folder: &Path) -> String {
    let mut logs = Vec::new();
    collect(folder, DEPTH, &mut logs);
    logs.sort();
    let mut text = String::new();
    for log in logs {
        let name = log.strip_prefix(folder).unwrap_or(&log).display();
        let _ = writeln!(text, "--- {name}\n{}", tail(&log, 0, LAST_LINES));
    }
    text
}

fn collect(folder: &Path, depth: usize, logs: &mut Vec<PathBuf>) {
    // What can't be read, as Postgres' own files by another account, is not looked at.
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() && depth > 0 {
            collect(&path, depth - 1, logs);
        } else if path.file_name().is_some_and(|name| name == "log")
            || path.extension().is_some_and(|kind| kind == "log" || kind == "jsonl")
        {
            logs.push(path);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn with_logs() -> TestFolder {
        let folder = TestFolder::new().unwrap();
        std::fs::create_dir_all(folder.path().join("logs")).unwrap();
        let lines: String = (1..=20).map(|line| format!("line {line}\n")).collect();
        std::fs::write(folder.path().join("logs/infer.jsonl"), lines).unwrap();
        std::fs::write(folder.path().join("nats.log"), "").unwrap();
        std::fs::write(folder.path().join("image.png"), "no log").unwrap();
        folder
    }

    #[test]
    fn of_a_test_that_passes_nothing_is_left() {
        let folder = with_logs();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn of_a_test_that_fails_everything_is_left() {
        let folder = with_logs();
        let path = folder.path().to_owned();
        let failed = catch_unwind(AssertUnwindSafe(move || {
            let _folder = folder;
            panic!("as a failing assertion does");
        }));
        assert!(failed.is_err());
        assert!(path.join("logs/infer.jsonl").exists());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn the_end_of_every_log_is_told_and_of_nothing_else() {
        let folder = with_logs();
        let told = last_lines(folder.path());
        assert!(told.starts_with("--- logs/infer.jsonl\nline 9\n"), "{told}");
        assert!(told.ends_with("line 20\n--- nats.log\n(empty)\n"), "{told}");
    }
}
