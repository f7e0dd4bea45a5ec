//! What is watched: buckets and folders, and what an object in one of them means. Read from one TOML file; knows no store and no
//! clock.

mod error;
mod file;
mod overlap;
mod rules;

use std::path::Path;

use hilum_blobs::StoreConfig;
use hilum_events::Priority;
use jiff::Timestamp;
use reqwest::Url;

pub use error::WatchesError;
pub use hilum_sites::Fault;
pub use overlap::OwnPlaces;
pub(crate) use overlap::WatchedPlace;
pub use rules::{Meaning, MeaningError, Rules};

/// All watches.
#[derive(Debug, Default)]
pub struct Watches {
    /// In the order of the file.
    pub watches: Vec<Watch>,
    /// Where SNS is, when it is another than that of AWS.
    pub sns_endpoint: Option<Url>,
}

/// Objects under one prefix of one bucket or folder.
#[derive(Debug)]
pub struct Watch {
    /// What metrics, logs and facts call it: 1 to 32 of `a-z`, digits and `-`.
    pub name: String,
    /// The bucket, as notifications name it; of a folder its address.
    pub bucket: String,
    /// What the keys begin with; may be empty.
    pub prefix: String,
    /// What the keys end with, one of these; any when there are none.
    pub suffixes: Vec<String>,
    /// Objects that were last written before are not looked for.
    pub since: Option<Timestamp>,
    /// What an object means.
    pub rules: Rules,
    /// How its store is reached.
    pub store: StoreConfig,
    /// Where it lies, to be compared with other places.
    pub place: WatchedPlace,
    /// Whether zip archives are unpacked.
    pub archives: bool,
    /// Where its results are written, if they are.
    pub results: Option<ResultsPlace>,
}

/// Where the results of a watch's objects are written: in the same bucket, each under this, the object's key, and
/// [`RESULT_SUFFIX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsPlace {
    /// What their keys begin with; may be empty.
    pub prefix: String,
    /// Where that lies, to be compared with what is watched.
    pub place: WatchedPlace,
}

/// What the key of a result ends with.
pub const RESULT_SUFFIX: &str = ".hilum.json";

/// Whether an object is watched.
#[derive(Debug)]
pub enum Watched<'a> {
    /// By this watch.
    By(&'a Watch),
    /// It has another suffix than the watch wants.
    OtherSuffix,
    /// There is no watch for it.
    No,
}

impl Watches {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it has a fault: the error names the line and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        file::parse(text)
    }

    /// Reads the file, and sees that no watch looks where Hilum itself writes.
    ///
    /// # Errors
    /// When it can't be read or has a fault, or when what Hilum writes would be read again.
    pub fn read(path: &Path, own: &OwnPlaces) -> Result<Self, WatchesError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| WatchesError::Read { path: path.to_owned(), source })?;
        let watches = Self::parse(&text);
        let watches = watches.map_err(|source| WatchesError::Content { path: path.to_owned(), source })?;
        own.check(&watches)?;
        Ok(watches)
    }

    /// The watch that an object is of.
    pub fn watching(&self, bucket: &str, key: &str) -> Watched<'_> {
        match self.watches.iter().find(|watch| watch.bucket == bucket && key.starts_with(&watch.prefix)) {
            Some(watch) if watch.wants(key) => Watched::By(watch),
            Some(_) => Watched::OtherSuffix,
            None => Watched::No,
        }
    }

    /// The watch with this name.
    pub fn named(&self, name: &str) -> Option<&Watch> {
        self.watches.iter().find(|watch| watch.name == name)
    }
}

impl Watch {
    /// Whether a key under the prefix is one of those that are wanted.
    pub fn wants(&self, key: &str) -> bool {
        self.suffixes.is_empty() || self.suffixes.iter().any(|suffix| key.ends_with(suffix))
    }

    /// Whether it would find the results that are written at `results`.
    fn finds(&self, results: &ResultsPlace) -> bool {
        let can_end_so = |suffix: &String| RESULT_SUFFIX.ends_with(suffix) || suffix.ends_with(RESULT_SUFFIX);
        self.place.overlaps(&results.place)
            && (self.suffixes.is_empty() || self.suffixes.iter().any(can_end_so))
    }

    /// How soon the reading of an object is wanted, as far as its key tells.
    pub fn priority_by_key(&self, key: &str) -> Priority {
        self.rules.by_key(key).map_or(self.rules.priority, |meaning| meaning.priority)
    }
}

impl ResultsPlace {
    /// The key of the result of an object, or of a file in an archive.
    pub fn key_of(&self, object: &str, entry: Option<usize>) -> String {
        let entry = entry.map(|number| format!("/{number}")).unwrap_or_default();
        format!("{}{object}{entry}{RESULT_SUFFIX}", self.prefix)
    }
}

#[cfg(test)]
mod tests;
