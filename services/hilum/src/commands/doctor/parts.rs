//! The running parts, as the state file, the system and the parts themselves see them.

use std::collections::BTreeMap;

use hilum_api::{PartReadiness, StackReadiness};
use hilum_client::Client;
use hilum_runtime::with_causes;
use hilum_stack::{PartState, StackState, Status};

use super::check::Check;

/// Under which the sweep notes what was lost in storage.
const STORED_OBJECTS: &str = "stored objects";

/// One check per part, and what the sweep knows of the objects in storage.
pub(super) async fn parts(state: &StackState) -> Vec<Check> {
    let asked = async { Client::new(&state.base_url)?.readiness().await };
    let readiness = match asked.await {
        Ok(readiness) => readiness,
        Err(error) => {
            let to_do = match state.status {
                Status::Starting => "it is still starting; look again in a few seconds",
                _ => "the log hilum.jsonl in its logs folder tells more",
            };
            return vec![Check::bad("base URL", with_causes(&error), to_do)];
        }
    };
    let of_parts = state.parts.iter().map(|part| check(part, readiness.parts.get(&part.name)));
    of_parts.chain([stored_objects(&readiness)]).collect()
}

fn stored_objects(readiness: &StackReadiness) -> Check {
    let note = readiness.parts.get("sweep").and_then(|sweep| sweep.notes.get(STORED_OBJECTS));
    match note {
        None => Check::good(STORED_OBJECTS, "none is known to be lost"),
        Some(note) => {
            let to_do = "`hilum sweep --deep` names each, says what to do and sees when it is whole again";
            Check::bad(STORED_OBJECTS, note, to_do)
        }
    }
}

fn check(part: &PartState, readiness: Option<&PartReadiness>) -> Check {
    let log = part.log.display();
    let Some(process) = part.process.filter(|process| process.runs()) else {
        let why = readiness.map(|readiness| words(&readiness.waiting_for)).unwrap_or_default();
        let seen = if why.is_empty() { "does not run".to_owned() } else { format!("does not run, {why}") };
        return Check::bad(&part.name, seen, format!("it is started again by itself; its log is {log}"));
    };
    let restarts = match part.restarts {
        0 => String::new(),
        count => format!(", started again {count} times"),
    };
    let seen = format!("process {}, port {}{restarts}", process.pid, part.port);
    let Some(readiness) = readiness else { return Check::good(&part.name, seen) };
    let PartReadiness { ready, waiting_for, notes, .. } = readiness;
    // Has a check of its own.
    let notes: BTreeMap<_, _> = notes.iter().filter(|(what, _)| *what != STORED_OBJECTS).collect();
    let seen = if notes.is_empty() { seen } else { format!("{seen}, {}", words(notes.clone())) };
    let to_do = format!("its log is {log}");
    match (*ready, notes.is_empty()) {
        (true, true) => Check::good(&part.name, seen),
        (true, false) => Check::warning(&part.name, seen, to_do),
        (false, _) if readiness.comes_by_itself() => {
            let seen = format!("{seen}, catches up: {}", words(waiting_for));
            Check::warning(&part.name, seen, "wait: it goes on by itself, and uploads are taken meanwhile")
        }
        (false, _) => Check::bad(&part.name, format!("{seen}, not ready: {}", words(waiting_for)), to_do),
    }
}

/// Each with its reason.
fn words<'r>(reasons: impl IntoIterator<Item = (&'r String, &'r String)>) -> String {
    let words: Vec<_> = reasons.into_iter().map(|(what, why)| format!("{what}: {why}")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_stack::ProcessId;

    fn part(process: Option<ProcessId>) -> PartState {
        let (name, log) = ("infer".to_owned(), "/logs/infer.jsonl".into());
        PartState { name, process, port: 9000, restarts: 3, log }
    }

    fn readiness(ready: bool, waiting_for: &[(&str, &str)], notes: &[(&str, &str)]) -> PartReadiness {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(what, why)| ((*what).to_owned(), (*why).to_owned())).collect()
        };
        let (waiting_for, notes) = (map(waiting_for), map(notes));
        PartReadiness { ready, waiting_for, progress: BTreeMap::new(), notes }
    }

    #[test]
    fn a_part_is_wrong_when_it_does_not_run_or_waits() {
        let mut part = part(None);
        assert_eq!(check(&part, None).seen, "does not run");
        let gone = check(&part, Some(&readiness(false, &[("process", "ended once")], &[])));
        assert!(!gone.ok && gone.seen.ends_with("ended once"), "{gone:?}");
        part.process = ProcessId::of(std::process::id());
        let ready = check(&part, Some(&readiness(true, &[], &[])));
        assert!(ready.seen.contains("started again 3 times") && ready.state() == "ok", "{ready:?}");
        let waiting = check(&part, Some(&readiness(false, &[("model", "loading")], &[])));
        assert!(!waiting.ok && waiting.seen.contains("model: loading"), "{waiting:?}");
    }

    #[test]
    fn a_part_that_catches_up_is_no_fault() {
        let mut folding = readiness(false, &[("caught up", "folding the event log, 1 of 2")], &[]);
        let part = part(ProcessId::of(std::process::id()));
        assert!(!check(&part, Some(&folding)).ok);
        folding.progress.insert("caught up".to_owned(), hilum_api::Progress { done: 1, of: 2 });
        let told = check(&part, Some(&folding));
        assert!(
            told.state() == "warning" && told.seen.ends_with("folding the event log, 1 of 2"),
            "{told:?}"
        );
        folding.waiting_for.insert("event log".to_owned(), "not connected".to_owned());
        assert!(!check(&part, Some(&folding)).ok);
    }

    #[test]
    fn an_object_that_was_lost_is_wrong_though_the_sweep_does_its_work() {
        let of = |notes: &[(&str, &str)]| {
            let parts = [("sweep".to_owned(), readiness(true, &[], notes))].into();
            let waiting_for = BTreeMap::new();
            stored_objects(&StackReadiness { ready: true, takes_uploads: true, waiting_for, parts })
        };
        assert!(of(&[]).ok);
        let lost = [("stored objects", "can't be had: 1 document")];
        let check = of(&lost);
        assert!(!check.ok && check.seen.contains("1 document"), "{check:?}");
        assert!(check.to_do.unwrap().contains("hilum sweep --deep"));
        let part = self::check(&part(ProcessId::of(std::process::id())), Some(&readiness(true, &[], &lost)));
        assert_eq!(part.state(), "ok", "told once: {part:?}");
    }

    #[test]
    fn what_a_part_notes_is_a_warning_and_nothing_is_wrong() {
        let noted = readiness(true, &[], &[("stuck studies", "2")]);
        let noted = check(&part(ProcessId::of(std::process::id())), Some(&noted));
        assert!(noted.ok && noted.state() == "warning", "{noted:?}");
        assert!(noted.seen.ends_with("stuck studies: 2"), "{noted:?}");
        assert_eq!(noted.to_do.as_deref(), Some("its log is /logs/infer.jsonl"));
    }
}
