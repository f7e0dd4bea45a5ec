//! The answer of the base URL's `/readyz`, which speaks for all parts of a stack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::health::{Progress, Readiness};

/// One part of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReadiness {
    /// It can do its work.
    pub ready: bool,
    /// What it waits for, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting_for: BTreeMap<String, String>,
    /// How far those of it are that come by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub progress: BTreeMap<String, Progress>,
    /// What somebody has to look at, though it does its work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// All parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackReadiness {
    /// All parts are ready.
    pub ready: bool,
    /// Uploads are taken: the log and the storage take facts, whatever else is missing.
    pub takes_uploads: bool,
    /// What is missing, by `part/condition`.
    pub waiting_for: BTreeMap<String, String>,
    /// Each part by its name.
    pub parts: BTreeMap<String, PartReadiness>,
}

impl PartReadiness {
    /// A part that does its work and has nothing to say.
    pub fn ready() -> Self {
        Self { ready: true, ..Self::default() }
    }

    /// A part that lacks `what`, for this reason.
    pub fn without(what: &str, why: &str) -> Self {
        Self { waiting_for: BTreeMap::from([(what.to_owned(), why.to_owned())]), ..Self::default() }
    }

    /// It is not ready, and nobody has to do anything about that.
    pub fn comes_by_itself(&self) -> bool {
        !self.ready && self.waiting_for.keys().all(|what| self.progress.contains_key(what))
    }
}

impl From<Readiness> for PartReadiness {
    fn from(Readiness { ready, waiting_for, progress, notes }: Readiness) -> Self {
        Self { ready, waiting_for, progress, notes }
    }
}

impl StackReadiness {
    /// What `parts` are together, when `door` is the part that takes uploads.
    pub fn of(parts: BTreeMap<String, PartReadiness>, door: &str) -> Self {
        let waiting_for = parts
            .iter()
            .flat_map(|(name, part)| part.waiting_for.iter().map(move |(what, why)| (name, what, why)))
            .map(|(name, what, why)| (format!("{name}/{what}"), why.clone()))
            .collect();
        let takes_uploads = parts.get(door).is_some_and(|door| door.ready);
        Self { ready: parts.values().all(|part| part.ready), takes_uploads, waiting_for, parts }
    }

    /// What is missing, in one line.
    pub fn words(&self) -> String {
        let words: Vec<_> = self.waiting_for.iter().map(|(what, why)| format!("{what} ({why})")).collect();
        words.join(", ")
    }
}
