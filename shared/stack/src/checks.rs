//! Files of settings are checked before anything starts, each by the program that will read it.

use std::path::Path;

use tokio::process::Command;

use super::logs::told;
use super::programs::{DELIVER, DICOM, DICOMWEB, WATCH, program_of, sibling};
use super::settings::UpSettings;
use crate::error::Error;

/// Whether the services understand the files that they are given.
///
/// # Errors
/// What the first of them says is wrong.
pub(super) async fn check_files(settings: &UpSettings, store_url: &str) -> Result<(), Error> {
    let UpSettings { targets, dicom_aes, dicomweb_senders, watches, .. } = settings;
    for (service, option, file) in [
        (DELIVER, "--targets", targets),
        (DICOM, "--dicom-aes", dicom_aes),
        (DICOMWEB, "--dicomweb-senders", dicomweb_senders),
        (WATCH, "--watches", watches),
    ] {
        if let Some(file) = file {
            let mut command = Command::new(sibling(&program_of(service))?);
            command.arg("--check").arg(option).arg(file).env("HILUM_STORE_URL", store_url);
            // A watch must not find what is delivered.
            if let (WATCH, Some(targets)) = (service, targets) {
                command.env("HILUM_TARGETS", targets);
            }
            check(command, file).await?;
        }
    }
    Ok(())
}

async fn check(mut command: Command, file: &Path) -> Result<(), Error> {
    let checked = command.output().await.map_err(Error::file("check", file))?;
    if checked.status.success() {
        return Ok(());
    }
    Err(Error::Content { path: file.to_owned(), reason: told(&String::from_utf8_lossy(&checked.stderr)) })
}
