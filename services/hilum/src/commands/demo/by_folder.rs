//! The demo's images through a watched folder, which is to Hilum what a bucket of S3 is.

use std::path::{Path, PathBuf};

use hilum_client::Client;
use hilum_stack::{StackState, StateFolder, UpSettings};
use hilum_terminal::Output;

use super::{QUIET, SITE, own_file, until_reported};
use crate::error::Error;

const WATCHES: &str = "watches.toml";

fn drop_folder(folder: &StateFolder) -> PathBuf {
    folder.path().join("drop")
}

/// Has the stack watch a folder of its own. The study stands in the key, as teams lay out their buckets.
pub(super) fn open(folder: &StateFolder, settings: &mut UpSettings) -> Result<(), Error> {
    settings.quiet_time_s.get_or_insert(QUIET);
    if settings.watches.is_some() {
        return Err(Error::Usage("--s3 brings a file of watches; leave --watches out".to_owned()));
    }
    let place = drop_folder(folder);
    let place = std::path::absolute(&place).map_err(Error::file("use", place))?;
    let watches = format!(
        "[[watch]]\nname = 'demo'\nurl = 'file://{}'\nprefix = 'in/'\nsite = '{SITE}'\nkey_pattern = '^in/(?<study>[^/]+)/'\n\
         archives = true\nresults = 'results/'\n",
        place.display()
    );
    settings.watches = Some(own_file(folder, WATCHES, &watches)?);
    settings.environment.push(("HILUM_WATCH_LIST_EVERY_S", "1".to_owned()));
    Ok(())
}

/// Whether a stack that runs already looks there.
pub(super) fn is_watched(folder: &StateFolder, state: &StackState) -> bool {
    folder.path().join(WATCHES).exists() && state.parts.iter().any(|part| part.name == "watch")
}

/// Puts them there, and waits until the study is reported; gives its name.
pub(super) async fn put(
    folder: &StateFolder,
    client: &Client,
    study: String,
    files: &[PathBuf],
    output: Output,
) -> Result<String, Error> {
    let place = drop_folder(folder);
    let studies = place.join("in").join(&study);
    output.say(format_args!("putting {} files into {}", files.len(), studies.display()));
    std::fs::create_dir_all(&studies).map_err(Error::file("create", &studies))?;
    for (number, file) in (1..).zip(files) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        copy_whole(file, &place.join("coming"), &studies.join(format!("{number:02}-{name}")))?;
    }
    until_reported(client, &study, output).await?;
    output.say(format_args!(
        "what is said of each file stands in {}; what was no image in `hilum watch parked`",
        place.join("results").join("in").join(&study).display()
    ));
    Ok(study)
}

/// Into place as a whole: a list may come at any moment.
fn copy_whole(file: &Path, beside: &Path, place: &Path) -> Result<(), Error> {
    std::fs::copy(file, beside).map_err(Error::file("copy", file))?;
    std::fs::rename(beside, place).map_err(Error::file("write", place))
}
