//! The running parts, as the state file, the system and the parts themselves see them.

use std::collections::BTreeMap;

use hilum_runtime::with_causes;

use super::Check;
use crate::client::Client;
use crate::stack::{PartReadiness, PartState, StackReadiness, StackState, Status};

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
        return Check::bad(
            &part.name,
            "does not run",
            format!("it is started again by itself; its log is {log}"),
        );
    };
    let restarts = match part.restarts {
        0 => String::new(),
        count => format!(", started again {count} times"),
    };
    let seen = format!("process {}, port {}{restarts}", process.pid, part.port);
    let Some(PartReadiness { ready, waiting_for, notes }) = readiness else {
        return Check::good(&part.name, seen);
    };
    // Has a check of its own.
    let notes: BTreeMap<_, _> = notes.iter().filter(|(what, _)| *what != STORED_OBJECTS).collect();
    let seen = if notes.is_empty() { seen } else { format!("{seen}, {}", words(&notes)) };
    let to_do = format!("its log is {log}");
    match (*ready, notes.is_empty()) {
        (true, true) => Check::good(&part.name, seen),
        (true, false) => Check::warning(&part.name, seen, to_do),
        (false, _) => Check::bad(
            &part.name,
            format!("{seen}, not ready: {}", words(&waiting_for.iter().collect())),
            to_do,
        ),
    }
}

/// Each with its reason.
fn words(reasons: &BTreeMap<&String, &String>) -> String {
    let words: Vec<_> = reasons.iter().map(|(what, why)| format!("{what}: {why}")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ProcessId;

    fn part(process: Option<ProcessId>) -> PartState {
        let (name, log) = ("infer".to_owned(), "/logs/infer.jsonl".into());
        PartState { name, process, port: 9000, restarts: 3, log }
    }

    fn readiness(ready: bool, waiting_for: &[(&str, &str)], notes: &[(&str, &str)]) -> PartReadiness {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(what, why)| ((*what).to_owned(), (*why).to_owned())).collect()
        };
        PartReadiness { ready, waiting_for: map(waiting_for), notes: map(notes) }
    }

    #[test]
    fn a_part_is_wrong_when_it_does_not_run_or_waits() {
        let mut part = part(None);
        assert!(!check(&part, None).ok);
        part.process = ProcessId::of(std::process::id());
        let ready = check(&part, Some(&readiness(true, &[], &[])));
        assert!(ready.seen.contains("started again 3 times") && ready.state() == "ok", "{ready:?}");
        let waiting = check(&part, Some(&readiness(false, &[("model", "loading")], &[])));
        assert!(!waiting.ok && waiting.seen.contains("model: loading"), "{waiting:?}");
    }

    #[test]
    fn an_object_that_was_lost_is_wrong_though_the_sweep_does_its_work() {
        let of = |notes: &[(&str, &str)]| {
            let parts = [("sweep".to_owned(), readiness(true, &[], notes))].into();
            stored_objects(&StackReadiness { ready: true, waiting_for: BTreeMap::new(), parts })
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
