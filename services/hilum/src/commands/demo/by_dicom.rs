//! The demo's DICOM images by C-STORE, as a modality sends them.

use std::path::PathBuf;
use std::time::Instant;

use hilum_client::Client;
use hilum_scu::{Peer, ScuError, StoreScu, Transfer};
use hilum_stack::{StackState, StateFolder, UpSettings};
use hilum_terminal::Output;

use super::{QUIET, READING_LIMIT, SITE, own_file, until_reported};
use crate::error::Error;

/// What the door is called where no file of titles says otherwise.
const TITLE: &str = "HILUM";

/// Has the stack listen.
pub(super) fn open(folder: &StateFolder, settings: &mut UpSettings) -> Result<(), Error> {
    settings.dicom_port.get_or_insert(0);
    settings.quiet_time_s.get_or_insert(QUIET);
    if settings.dicom_aes.is_none() {
        let titles = format!("[ae.{TITLE}]\nsite = '{SITE}'\n");
        settings.dicom_aes = Some(own_file(folder, "aes.toml", &titles)?);
    }
    Ok(())
}

/// Sends them, and waits until their study is reported; gives its id.
pub(super) async fn send(
    state: &StackState,
    client: &Client,
    files: &[PathBuf],
    output: Output,
) -> Result<String, Error> {
    let port = state.dicom_port.unwrap_or_default();
    let peer = Peer { title: TITLE.to_owned(), address: format!("127.0.0.1:{port}") };
    let mut objects = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).map_err(Error::file("read", path))?;
        if Transfer::of(&bytes).is_ok() {
            objects.push((path, bytes));
        }
    }
    if objects.is_empty() {
        return Err(Error::Usage(
            "none of the samples is a DICOM file, so there is nothing to send".to_owned(),
        ));
    }
    output.say(format_args!(
        "sending {} of {} files, those that are DICOM, to {TITLE} at {} by C-STORE",
        objects.len(),
        files.len(),
        peer.address
    ));
    let began = Instant::now();
    let newest_before = newest_job(client).await?;
    let outcome = store_all(&peer, &objects, output).await;
    outcome.map_err(|error| Error::Usage(format!("C-STORE: {}", hilum_runtime::with_causes(&error))))?;
    // What is told stored is in the log; the tables follow.
    let study = loop {
        match newest_job(client).await? {
            Some((job, study)) if newest_before.as_ref().is_none_or(|(before, _)| *before != job) => {
                break study;
            }
            _ if began.elapsed() > READING_LIMIT => {
                return Err(Error::Usage("nothing that was sent by C-STORE was taken in".to_owned()));
            }
            _ => tokio::time::sleep(super::LOOK_AGAIN).await,
        }
    };
    until_reported(client, &study, output).await?;
    Ok(study)
}

async fn store_all(peer: &Peer, objects: &[(&PathBuf, Vec<u8>)], output: Output) -> Result<(), ScuError> {
    let transfers = objects.iter().map(|(path, bytes)| Ok((*path, Transfer::of(bytes)?)));
    let transfers: Vec<_> = transfers.collect::<Result<_, ScuError>>()?;
    let mut kinds: Vec<(&str, &str)> =
        transfers.iter().map(|(_, object)| (&*object.sop_class, &*object.transfer_syntax)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut association = StoreScu::associate(peer, "DEMO", &kinds).await?;
    for (path, object) in &transfers {
        let status = association.store(object).await?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        output.say(format_args!("  {name}: {status:04X}"));
    }
    association.release().await
}

/// The job of the site that came last, and its study.
async fn newest_job(client: &Client) -> Result<Option<(String, String)>, Error> {
    let page = client.jobs(&[("site", SITE.to_owned()), ("limit", "1".to_owned())]).await?;
    Ok(page.jobs.first().map(|job| (job.job_id.to_string(), job.study_id.to_string())))
}
