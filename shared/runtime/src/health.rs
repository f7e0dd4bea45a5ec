//! Whether a service lives, whether it is ready, and if not, why; and what somebody has to look at all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What a service needs before it can work, each named once at start, and its notes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    conditions: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// All conditions hold.
    pub ready: bool,
    /// Conditions that do not hold, with the reason.
    pub waiting_for: BTreeMap<String, String>,
    /// What somebody has to look at, though the service does its work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

impl Health {
    /// Says that `condition` does not hold and why. Logged when that is news.
    pub fn wait_for(&self, condition: &'static str, reason: impl Into<String>) {
        let reason = reason.into();
        let before = self.set(condition, Some(reason.clone()));
        if before.flatten().is_none() {
            tracing::warn!(condition, reason, "not ready");
        }
    }

    /// Says that `condition` holds. Logged when that is news.
    pub fn holds(&self, condition: &'static str) {
        if self.set(condition, None) != Some(None) {
            tracing::info!(condition, "ready");
        }
    }

    /// Says what somebody has to look at, or with `None` that there is nothing any more. The service stays ready.
    pub fn note(&self, what: &'static str, text: Option<String>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => notes.insert(what, text),
            None => notes.remove(what),
        };
    }

    /// What `/readyz` answers now.
    pub fn readiness(&self) -> Readiness {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting_for: BTreeMap<_, _> = conditions
            .iter()
            .filter_map(|(name, reason)| Some(((*name).to_owned(), reason.clone()?)))
            .collect();
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = notes.iter().map(|(what, text)| ((*what).to_owned(), text.clone())).collect();
        Readiness { ready: waiting_for.is_empty(), waiting_for, notes }
    }

    fn set(&self, condition: &'static str, reason: Option<String>) -> Option<Option<String>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner).insert(condition, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_all_its_conditions_hold() {
        let health = Health::default();
        health.wait_for("log", "not connected");
        health.wait_for("model", "loading");
        health.holds("log");
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.waiting_for.keys().collect::<Vec<_>>(), ["model"]);
        health.holds("model");
        assert!(health.readiness().ready);
    }

    #[test]
    fn a_note_is_told_as_long_as_it_stands_and_keeps_nobody_from_being_ready() {
        let health = Health::default();
        health.note("stuck", Some("one".to_owned()));
        health.note("stuck", Some("two".to_owned()));
        let readiness = health.readiness();
        assert!(readiness.ready);
        assert_eq!(readiness.notes.into_values().collect::<Vec<_>>(), ["two"]);
        health.note("stuck", None);
        assert!(health.readiness().notes.is_empty());
    }
}
