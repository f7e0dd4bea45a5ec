//! Which images the demo sends: a list in TOML, or all files of a folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::paths::files_in;
use crate::error::Error;

/// Where the list lies in a checkout.
const LIST: &str = "tests/data/demo.toml";

/// The list of samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Samples {
    /// Files in the order they are sent, relative to the list. A file may come twice.
    images: Vec<PathBuf>,
}

/// The samples that `place` names: a list or a folder; without one those of the checkout.
///
/// # Errors
/// When the list or one of its files is not there or not understood.
pub fn samples(place: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    let place = match place {
        Some(place) => place.to_owned(),
        None => list_of_checkout().ok_or_else(|| Error::NoSamples { list: LIST })?,
    };
    if place.is_dir() {
        return files_in(&[place]);
    }
    let text = std::fs::read_to_string(&place).map_err(Error::file("read", &place))?;
    let samples: Samples = toml::from_str(&text)
        .map_err(|error| Error::List { path: place.clone(), reason: error.message().to_owned() })?;
    let folder = place.parent().unwrap_or(Path::new(""));
    files_in(&samples.images.iter().map(|image| folder.join(image)).collect::<Vec<_>>())
}

/// In the current folder or one above, else above this program, which lies in `target/release`.
fn list_of_checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    let folders = [here, program].into_iter().flatten();
    let mut lists = Vec::new();
    for folder in folders {
        lists.extend(folder.ancestors().map(|above| above.join(LIST)));
    }
    lists.into_iter().find(|list| list.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_the_checkout_names_files_that_are_there_and_one_twice() {
        let files = samples(None).unwrap();
        let different: std::collections::HashSet<_> = files.iter().collect();
        assert!(different.len() < files.len());
    }

    #[test]
    fn a_folder_is_a_list_too() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a.png"), "x").unwrap();
        assert_eq!(samples(Some(place.path())).unwrap(), [place.path().join("a.png")]);
    }

    #[test]
    fn a_sample_that_is_missing_is_named() {
        let place = tempfile::tempdir().unwrap();
        let list = place.path().join("demo.toml");
        std::fs::write(&list, "images = ['gone.png']").unwrap();
        assert!(samples(Some(&list)).unwrap_err().to_string().contains("gone.png"));
    }
}
