//! Studies whose report could not be made, and when each is tried again. Others go on meanwhile. Bounded by the
//! number of open studies.

use std::collections::HashMap;
use std::time::Duration;

use hilum_events::StudyId;
use hilum_log::Attempts;
use jiff::Timestamp;

const PAUSES: Attempts = Attempts {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(60),
    give_up_after: Duration::MAX,
};

/// Whether trying again is likely to help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hope {
    /// The outside world failed.
    Transient,
    /// The log and the fold of it disagree: somebody has to look.
    Stuck,
}

/// The setbacks of all studies.
#[derive(Debug, Default)]
pub(crate) struct Setbacks {
    by_study: HashMap<StudyId, Setback>,
}

#[derive(Debug)]
struct Setback {
    failures: u64,
    until: Timestamp,
    said: String,
    hope: Hope,
}

impl Setbacks {
    /// Notes a failure; `true` if it is another than the last one of this study, which is worth a log line.
    pub(crate) fn note(&mut self, study_id: StudyId, said: String, hope: Hope, now: Timestamp) -> bool {
        let failures = self.failures(study_id) + 1;
        let pause = PAUSES.wait_before(failures + 1);
        let until = now.checked_add(pause).unwrap_or(now);
        let news = self.by_study.get(&study_id).is_none_or(|before| before.said != said);
        self.by_study.insert(study_id, Setback { failures, until, said, hope });
        news
    }

    /// Forgets the study's failures; `true` if there were any.
    pub(crate) fn clear(&mut self, study_id: StudyId) -> bool {
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
        self.by_study.values().filter(|setback| setback.hope == Hope::Stuck).count()
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
        assert!(setbacks.note(study_id, "away".to_owned(), Hope::Transient, now));
        assert!(setbacks.hold_back(study_id, now));
        assert_eq!(setbacks.next_end(now), Some(samples::at(1)));
        for _ in 0..10 {
            now = setbacks.next_end(now).unwrap();
            assert!(!setbacks.hold_back(study_id, now));
            assert!(!setbacks.note(study_id, "away".to_owned(), Hope::Transient, now));
        }
        assert_eq!(setbacks.next_end(now).unwrap().duration_since(now).as_secs(), 60);
        assert!(setbacks.note(study_id, "gone".to_owned(), Hope::Stuck, now));
        assert_eq!(setbacks.stuck(), 1);
        assert!(setbacks.clear(study_id));
        assert_eq!((setbacks.stuck(), setbacks.failures(study_id), setbacks.next_end(now)), (0, 0, None));
    }
}
