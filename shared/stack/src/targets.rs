//! The file of targets is checked before anything starts, by the program that will read it.

use std::path::Path;

use tokio::process::Command;

use super::logs::told;
use super::programs::{DELIVER, program_of, sibling};
use crate::error::Error;

/// Whether the service that delivers understands the file.
///
/// # Errors
/// What it says is wrong.
pub(super) async fn check_targets(path: &Path) -> Result<(), Error> {
    let mut command = Command::new(sibling(&program_of(DELIVER))?);
    command.arg("--check").arg("--targets").arg(path).env("HILUM_STORE_URL", "file:///");
    let checked = command.output().await.map_err(Error::file("check", path))?;
    if checked.status.success() {
        return Ok(());
    }
    Err(Error::Content { path: path.to_owned(), reason: told(&String::from_utf8_lossy(&checked.stderr)) })
}
