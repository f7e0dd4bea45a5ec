//! The running parts, as the state file, the system and the parts themselves see them.

use hilum_runtime::with_causes;

use super::Check;
use crate::client::Client;
use crate::stack::{PartReadiness, PartState, StackState, Status};

/// One check per part.
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
    state.parts.iter().map(|part| check(part, readiness.parts.get(&part.name))).collect()
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
    match readiness {
        Some(readiness) if readiness.ready => Check::good(&part.name, seen),
        Some(readiness) => {
            let waits: Vec<_> =
                readiness.waiting_for.iter().map(|(what, why)| format!("{what}: {why}")).collect();
            let seen = format!("{seen}, not ready: {}", waits.join(", "));
            Check::bad(&part.name, seen, format!("its log is {log}"))
        }
        None => Check::good(&part.name, seen),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::stack::ProcessId;

    #[test]
    fn a_part_is_wrong_when_it_does_not_run_or_waits() {
        let mut part = PartState {
            name: "infer".to_owned(),
            process: None,
            port: 9000,
            restarts: 3,
            log: "/logs/infer.jsonl".into(),
        };
        assert!(!check(&part, None).ok);
        part.process = ProcessId::of(std::process::id());
        let ready = PartReadiness { ready: true, waiting_for: BTreeMap::new() };
        assert!(check(&part, Some(&ready)).seen.contains("started again 3 times"));
        let loading = BTreeMap::from([("model".to_owned(), "loading".to_owned())]);
        let waiting = check(&part, Some(&PartReadiness { ready: false, waiting_for: loading }));
        assert!(!waiting.ok && waiting.seen.contains("model: loading"), "{waiting:?}");
    }
}
