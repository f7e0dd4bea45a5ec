//! Studies whose report could not be made, and when each is tried again. Others go on meanwhile. Bounded by the
//! number of open studies.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use hilum_events::StudyId;
use hilum_retry::Attempts;
use jiff::Timestamp;

const PAUSES: Attempts = Attempts {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(60),
    give_up_after: Duration::MAX,
};

/// Studies that a note names; of more it says how many.
const NAMED: usize = 5;

/// Whether trying again is likely to help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetbackKind {
    /// The outside world failed.
    Transient,
    /// The log and the fold of it disagree: somebody has to look.
    Stuck,
}

/// The setbacks of all studies.
#[derive(Debug, Default)]
pub(crate) struct Setbacks {
    by_study: HashMap<StudyId, Setback>,
    /// Those that somebody has to look at.
    stuck: BTreeSet<StudyId>,
}

#[derive(Debug)]
struct Setback {
    failures: u64,
    until: Timestamp,
    said: String,
}

impl Setbacks {
    /// Notes a failure; `true` if it is another than the last one of this study, which is worth a log line.
    pub(crate) fn note(
        &mut self,
        study_id: StudyId,
        said: String,
        kind: SetbackKind,
        now: Timestamp,
    ) -> bool {
        let failures = self.failures(study_id) + 1;
        let pause = PAUSES.wait_before(failures + 1);
        let until = now.checked_add(pause).unwrap_or(now);
        let news = self.by_study.get(&study_id).is_none_or(|before| before.said != said);
        self.by_study.insert(study_id, Setback { failures, until, said });
        match kind {
            SetbackKind::Stuck => self.stuck.insert(study_id),
            SetbackKind::Transient => self.stuck.remove(&study_id),
        };
        news
    }

    /// Forgets the study's failures; `true` if there were any.
    pub(crate) fn clear(&mut self, study_id: StudyId) -> bool {
        self.stuck.remove(&study_id);
        self.by_study.remove(&study_id).is_some()
    }

    /// Failures in a row.
    pub(crate) fn failures(&self, study_id: StudyId) -> u64 {
        self.by_study.get(&study_id).map_or(0, |setback| setback.failures)
    }

    /// Whether the study is not to be tried at `now`.
    pub(crate) fn hold_back(&self, study_id: StudyId, now: Timestamp) -> bool {
        self.by_study.get(&study_id).is_some_and(|setback| setback.until > now)
    }

    /// The earliest time after `now` at which a study is to be tried again.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.by_study.values().map(|setback| setback.until).filter(|until| *until > now).min()
    }

    /// Studies that somebody has to look at.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.len()
    }

    /// A note for readiness on those studies, if there are any: how many, and the ids of the first.
    pub(crate) fn stuck_note(&self) -> Option<String> {
        let count = self.stuck();
        if count == 0 {
            return None;
        }
        let named: Vec<String> = self.stuck.iter().take(NAMED).map(StudyId::to_string).collect();
        let others = if count > NAMED { " and others" } else { "" };
        Some(format!("{count} whose report can't be issued: {}{others}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_the_same_words_are_news_once() {
        let study_id = samples::study_id();
        let (mut setbacks, mut now) = (Setbacks::default(), samples::at(0));
        assert!(setbacks.note(study_id, "away".to_owned(), SetbackKind::Transient, now));
        assert!(setbacks.hold_back(study_id, now));
        assert_eq!(setbacks.next_end(now), Some(samples::at(1)));
        for _ in 0..10 {
            now = setbacks.next_end(now).unwrap();
            assert!(!setbacks.hold_back(study_id, now));
            assert!(!setbacks.note(study_id, "away".to_owned(), SetbackKind::Transient, now));
        }
        assert_eq!(setbacks.next_end(now).unwrap().duration_since(now).as_secs(), 60);
        assert!(setbacks.note(study_id, "gone".to_owned(), SetbackKind::Stuck, now));
        assert_eq!(setbacks.stuck(), 1);
        assert!(setbacks.clear(study_id));
        assert_eq!((setbacks.stuck(), setbacks.failures(study_id), setbacks.next_end(now)), (0, 0, None));
    }

    #[test]
    fn the_first_stuck_studies_are_named_and_all_are_counted() {
        let (mut setbacks, now) = (Setbacks::default(), samples::at(0));
        let mut studies: Vec<_> =
            (1..=6).map(|number| StudyId::of_lone_job(samples::job_id(number))).collect();
        studies.sort_unstable();
        let note = |setbacks: &mut Setbacks, study_id: StudyId, kind: SetbackKind| {
            setbacks.note(study_id, "gone".to_owned(), kind, now);
            setbacks.stuck_note()
        };
        assert_eq!(note(&mut setbacks, studies[0], SetbackKind::Transient), None);
        let told = note(&mut setbacks, studies[0], SetbackKind::Stuck);
        assert_eq!(told, Some(format!("1 whose report can't be issued: {}", studies[0])));
        for study_id in &studies {
            note(&mut setbacks, *study_id, SetbackKind::Stuck);
        }
        let named = studies[..5].iter().map(StudyId::to_string).collect::<Vec<_>>().join(", ");
        let told = setbacks.stuck_note();
        assert_eq!(told, Some(format!("6 whose report can't be issued: {named} and others")));
        let named = studies[1..].iter().map(StudyId::to_string).collect::<Vec<_>>().join(", ");
        let told = note(&mut setbacks, studies[0], SetbackKind::Transient);
        assert_eq!(told, Some(format!("5 whose report can't be issued: {named}")));
        for study_id in studies {
            setbacks.clear(study_id);
        }
        assert_eq!(setbacks.stuck_note(), None);
    }
}
