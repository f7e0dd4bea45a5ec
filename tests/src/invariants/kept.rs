//! I5: the tables are what a fresh rebuild would make. I6: what was read before is still there. I8: after a fault
//! everything goes on by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::invariants::{Fact, Harm, Violation};

/// Time to drain when there is nothing to do, and the least rate at which work is done.
const DRAIN: Duration = Duration::from_secs(60);
const IMAGES_PER_SECOND: f64 = 1.0;

/// I5: what was said of each job before the tables were made anew is what is said after.
pub fn rebuilt_equal<A: PartialEq>(
    live: &BTreeMap<String, A>,
    rebuilt: &BTreeMap<String, A>,
) -> Vec<Violation> {
    let keys = live.keys().chain(rebuilt.keys().filter(|key| !live.contains_key(*key)));
    keys.filter(|key| live.get(*key) != rebuilt.get(*key))
        .map(|key| {
            let what = format!("what is said of {key} changes when the tables are made anew");
            Violation::new("I5", Harm::Wrong, what)
        })
        .collect()
}

/// I6: the log begins with what was read of it `before` the fault.
pub fn still_there(before: &[Fact], now: &[Fact]) -> Vec<Violation> {
    let lost = |what: String| Violation::new("I6", Harm::Lost, what);
    if now.len() < before.len() {
        return vec![lost(format!("the log had {} facts and has {}", before.len(), now.len()))];
    }
    let changed = before.iter().zip(now).find(|(before, now)| before != now);
    changed
        .map(|(before, _)| lost(format!("the fact at {} is not what it was", before.seq)))
        .into_iter()
        .collect()
}

/// I8: the queues were empty `took` after the fault was healed, `backlog` images having been open then.
pub fn drained(took: Option<Duration>, backlog: usize, what_is_left: &str) -> Vec<Violation> {
    let limit = drain_limit(backlog);
    match took {
        Some(took) if took <= limit => Vec::new(),
        _ => {
            vec![Violation::new("I8", Harm::Silent, format!("not drained within {limit:?}: {what_is_left}"))]
        }
    }
}

/// How long draining `backlog` images may take.
pub fn drain_limit(backlog: usize) -> Duration {
    DRAIN + Duration::from_secs_f64(backlog as f64 / IMAGES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::sample::healthy;

    #[test]
    fn a_log_that_lost_its_end_or_changed_is_found() {
        let before = healthy().facts;
        assert_eq!(still_there(&before, &before), []);
        assert_eq!(still_there(&before[..3], &before), []);
        assert_eq!(still_there(&before, &before[..3])[0].invariant, "I6");
        let mut changed = before.clone();
        changed[2].envelope.occurred_at = hilum_events::samples::at(99);
        assert_eq!(still_there(&before, &changed)[0].invariant, "I6");
    }

    #[test]
    fn an_answer_that_a_rebuild_changes_drops_or_adds_is_found() {
        let answers = |list: &[(&str, u32)]| -> BTreeMap<String, u32> {
            list.iter().map(|(key, answer)| ((*key).to_owned(), *answer)).collect()
        };
        let live = answers(&[("a", 1), ("b", 2)]);
        assert_eq!(rebuilt_equal(&live, &live), []);
        for rebuilt in [&[("a", 1), ("b", 3)][..], &[("a", 1)], &[("a", 1), ("b", 2), ("c", 1)]] {
            assert_eq!(rebuilt_equal(&live, &answers(rebuilt))[0].invariant, "I5");
        }
    }

    #[test]
    fn a_queue_that_does_not_drain_in_time_is_found() {
        assert_eq!(drained(Some(Duration::from_secs(61)), 2, ""), []);
        assert_eq!(drained(Some(Duration::from_secs(63)), 2, "")[0].invariant, "I8");
        assert_eq!(drained(None, 0, "dedupe")[0].invariant, "I8");
    }
}
