//! What an object means: whose it is, of which study, how soon its reading is wanted. Its key tells, what its sender said of it, or
//! the watch; a study that none of them names is that of the DICOM header.

use std::collections::BTreeMap;

use hilum_events::{NameError, Priority, Site, StudyRef};
use hilum_intake::Wishes;
use regex::Regex;

/// What a sender says of an object stands behind these names of its metadata: `x-amz-meta-hilum-study` and so on.
const METADATA: [(&str, Word); 3] =
    [("hilum-site", Word::Site), ("hilum-study", Word::Study), ("hilum-priority", Word::Priority)];
/// The groups of a pattern over keys.
pub(super) const GROUPS: [(&str, Word); 3] =
    [("site", Word::Site), ("study", Word::Study), ("priority", Word::Priority)];

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Site,
    Study,
    Priority,
}

/// The rules of a watch.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The site of objects that name none.
    pub site: Site,
    /// How soon the reading of objects that say nothing is wanted.
    pub priority: Priority,
    /// With the named groups `site`, `study` and `priority`; every key of the watch has to fit.
    pub key_pattern: Option<Regex>,
    /// Whether senders may say it in the object's metadata.
    pub metadata: bool,
}

/// What an object means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Whose it is.
    pub site: Site,
    /// The study, if anything but its header names it.
    pub study: Option<StudyRef>,
    /// How soon its reading is wanted.
    pub priority: Priority,
}

impl From<Meaning> for Wishes {
    fn from(Meaning { site, study, priority }: Meaning) -> Self {
        Self { site, study, priority, ..Self::default() }
    }
}

/// An object whose key or metadata can't be understood. Says what is wrong without saying the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeaningError {
    /// The pattern does not fit the key.
    #[error(
        "its key does not fit the key_pattern of the watch; change the pattern, or put the object where it fits"
    )]
    NoFit,
    /// A word breaks its rule.
    #[error(
        "the {place} names what can't be used: {source}; put the object under another key, or change the watch"
    )]
    Name {
        /// Where the word stands.
        place: &'static str,
        /// Its rule.
        source: NameError,
    },
    /// The word for the priority is none.
    #[error(
        "the {place} gives a priority that is neither stat nor routine; put the object under another key, or change the watch"
    )]
    Priority {
        /// Where the word stands.
        place: &'static str,
    },
}

impl Rules {
    /// What an object means as far as its key tells.
    ///
    /// # Errors
    /// When the key can't be understood.
    pub fn by_key(&self, key: &str) -> Result<Meaning, MeaningError> {
        let mut meaning = self.unsaid();
        if let Some(pattern) = &self.key_pattern {
            let found = pattern.captures(key).ok_or(MeaningError::NoFit)?;
            for (group, word) in GROUPS {
                if let Some(text) = found.name(group) {
                    meaning.take(word, text.as_str(), "key")?;
                }
            }
        }
        Ok(meaning)
    }

    /// What an object means. Its key counts more than its metadata.
    ///
    /// # Errors
    /// When the key or the metadata can't be understood.
    pub fn meaning(&self, key: &str, metadata: &BTreeMap<String, String>) -> Result<Meaning, MeaningError> {
        let mut said = Self { key_pattern: None, ..self.clone() }.unsaid();
        if self.metadata {
            for (name, word) in METADATA {
                if let Some(text) = metadata.get(name) {
                    said.take(word, text, "metadata")?;
                }
            }
        }
        let rules = Self { site: said.site, priority: said.priority, ..self.clone() };
        let by_key = rules.by_key(key)?;
        Ok(Meaning { study: by_key.study.or(said.study), ..by_key })
    }

    fn unsaid(&self) -> Meaning {
        Meaning { site: self.site.clone(), study: None, priority: self.priority }
    }
}

impl Meaning {
    fn take(&mut self, word: Word, text: &str, place: &'static str) -> Result<(), MeaningError> {
        let name = |source| MeaningError::Name { place, source };
        match word {
            Word::Site => self.site = text.parse().map_err(name)?,
            Word::Study => self.study = Some(StudyRef::given(text).map_err(name)?),
            Word::Priority => self.priority = priority(text).ok_or(MeaningError::Priority { place })?,
        }
        Ok(())
    }
}

/// The priority of this word, in small letters or not.
pub(super) fn priority(text: &str) -> Option<Priority> {
    [Priority::Stat, Priority::Routine]
        .into_iter()
        .find(|priority| priority.as_str().eq_ignore_ascii_case(text))
}
