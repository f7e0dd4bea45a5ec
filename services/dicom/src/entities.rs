//! The application entity titles that the door answers to, and what is to become of what is sent to each. One TOML file, read
//! and checked once at start; every fault names its line. Pure but for reading it.

mod error;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hilum_events::{Priority, Site};
use ipnet::IpNet;

pub use error::EntitiesError;
pub use hilum_sites::Fault;

/// The title of a door without a file of titles.
const DEFAULT_TITLE: &str = "HILUM";

/// What becomes of an object that is whole and not for the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Other {
    /// It is stored like any other; its reading fails and says why.
    #[default]
    Keep,
    /// It is dropped, and counted.
    Ignore,
}

/// The SHA-256 of a certificate as it is sent (DER).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Certificate(pub(crate) [u8; 32]);

/// A sender that may call.
#[derive(Debug, Clone)]
pub(crate) struct CallerRule {
    /// What it calls itself.
    pub(crate) title: String,
    /// Where it may call from; anywhere if there is none.
    pub(crate) addresses: Vec<IpNet>,
    /// What it may show; anything or nothing if there is none.
    pub(crate) certificates: Vec<Certificate>,
    /// Host and port where it listens for results of storage commitment; they are told on its own association if there is none.
    pub(crate) commit_to: Option<String>,
}

/// A title that can be called.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    /// The title.
    pub(crate) title: String,
    /// Where the images come from that are sent to it.
    pub(crate) site: Site,
    /// Their priority.
    pub(crate) priority: Priority,
    /// SOP classes of what may be for the model.
    pub(crate) sop_classes: BTreeSet<String>,
    /// What becomes of all else.
    pub(crate) other: Other,
    /// Who may call it; anybody if there is none.
    pub(crate) callers: Vec<CallerRule>,
}

/// All titles of a door. By default the one title HILUM, for anybody who reaches the door and the site `default`.
#[derive(Debug, Clone)]
pub struct Entities(BTreeMap<String, Arc<Entity>>);

impl Default for Entities {
    fn default() -> Self {
        Self([(DEFAULT_TITLE.to_owned(), Arc::new(Entity::called(DEFAULT_TITLE)))].into())
    }
}

impl Entity {
    fn called(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            site: Site::default(),
            priority: Priority::default(),
            sop_classes: file::default_classes(),
            other: Other::default(),
            callers: Vec::new(),
        }
    }
}

impl Entities {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it has a fault: the error names the line and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        file::parse(text)
    }

    /// Reads the file; without one there is the default.
    ///
    /// # Errors
    /// When it can't be read or has a fault.
    pub fn read(path: Option<&Path>) -> Result<Self, EntitiesError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| EntitiesError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| EntitiesError::Content { path: path.to_owned(), source })
    }

    /// The entity of this title, if it is one of the door's.
    pub(crate) fn called(&self, title: &str) -> Option<Arc<Entity>> {
        self.0.get(title).cloned()
    }

    /// A title that asks for certificates, if there is one.
    pub(crate) fn wants_certificates(&self) -> Option<&str> {
        let wants =
            |entity: &&Arc<Entity>| entity.callers.iter().any(|caller| !caller.certificates.is_empty());
        self.0.values().find(wants).map(|entity| entity.title.as_str())
    }

    /// A title that anybody may call, if there is one.
    pub(crate) fn open(&self) -> Option<&str> {
        self.0.values().find(|entity| entity.callers.is_empty()).map(|entity| entity.title.as_str())
    }
}

#[cfg(test)]
mod tests;
