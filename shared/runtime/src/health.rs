//! Whether a service lives, whether it is ready, and if not, why; and what somebody has to look at all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hilum_api::{Progress, Readiness};

/// What a service needs before it can work, each named once at start, and its notes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    conditions: Arc<Mutex<BTreeMap<&'static str, Option<Unmet>>>>,
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

/// Why a condition does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unmet {
    reason: String,
    progress: Option<Progress>,
}

impl Health {
    /// Says that `condition` does not hold and why. Logged when that is news.
    pub fn wait_for(&self, condition: &'static str, reason: impl Into<String>) {
        self.say_unmet(condition, reason.into(), None);
    }

    /// Says that `condition` does not hold before the service is through with `doing`, and how far it is.
    pub fn progress(&self, condition: &'static str, doing: &str, done: u64, of: u64) {
        self.say_unmet(condition, format!("{doing}, {done} of {of}"), Some(Progress { done, of }));
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
        let unmet =
            || conditions.iter().filter_map(|(name, unmet)| Some(((*name).to_owned(), unmet.as_ref()?)));
        let waiting_for: BTreeMap<_, _> = unmet().map(|(name, unmet)| (name, unmet.reason.clone())).collect();
        let progress = unmet().filter_map(|(name, unmet)| Some((name, unmet.progress?))).collect();
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = notes.iter().map(|(what, text)| ((*what).to_owned(), text.clone())).collect();
        Readiness { ready: waiting_for.is_empty(), waiting_for, progress, notes }
    }

    fn say_unmet(&self, condition: &'static str, reason: String, progress: Option<Progress>) {
        let before = self.set(condition, Some(Unmet { reason: reason.clone(), progress }));
        if before.flatten().is_none() {
            tracing::warn!(condition, reason, "not ready");
        }
    }

    fn set(&self, condition: &'static str, unmet: Option<Unmet>) -> Option<Option<Unmet>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner).insert(condition, unmet)
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
    fn what_comes_to_hold_by_itself_says_how_far_it_is() {
        let health = Health::default();
        health.progress("caught up", "folding the event log", 10, 300);
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.waiting_for["caught up"], "folding the event log, 10 of 300");
        assert_eq!(readiness.progress["caught up"], Progress { done: 10, of: 300 });
        health.wait_for("caught up", "the log is away");
        assert!(health.readiness().progress.is_empty());
        health.holds("caught up");
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
