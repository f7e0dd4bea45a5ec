//! `hilum doctor`: what runs, what is wrong, what to do. Works also when nothing runs.

mod check;
mod checks;
mod parts;
mod programs;

use std::process::ExitCode;

use clap::Args;
use hilum_stack::{StackState, StateFolder};
use hilum_terminal::Output;
use serde_json::json;

use self::check::Check;
use super::StateArgs;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    state: StateArgs,
}

pub(super) async fn run(args: &DoctorArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    let checks = examine(&folder).await?;
    for check in &checks {
        output.object(check);
    }
    let row = |check: &Check| vec![check.what.clone(), check.state().to_owned(), check.seen.clone()];
    output.table(&["what", "state", "seen"], checks.iter().map(row));
    for check in &checks {
        if let Some(to_do) = &check.to_do {
            output.say(format_args!("{}: {}; {to_do}", check.what, check.seen));
        }
    }
    if checks.iter().all(|check| check.to_do.is_none()) {
        output.say("nothing is wrong");
    }
    let wrong = checks.iter().filter(|check| !check.ok).count();
    output.object(&json!({ "ok": wrong == 0, "wrong": wrong }));
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(folder: &StateFolder) -> Result<Vec<Check>, Error> {
    let mut checks = programs::programs().await;
    let state = StackState::read(folder)?;
    let store_url = state.as_ref().map(|state| state.store_url.as_str());
    checks.extend(checks::disks(folder, store_url));
    let running = if folder.is_locked()? { state.as_ref() } else { None };
    checks.extend(checks::open_files(running));
    match running {
        Some(state) => {
            checks.push(supervisor(folder, state));
            checks.extend(parts::parts(state).await);
            checks.push(checks::model(state));
            checks.push(checks::clock(state).await);
            checks.push(checks::streams(state).await);
            checks.push(checks::consumers(state).await);
            checks.extend(checks::dead_letters_and_tables(state).await);
        }
        None => {
            let log = checks::event_log(folder, store_url).await;
            let log_is_missing = log.as_ref().is_some_and(|log| !log.ok);
            checks.extend(log);
            checks.push(stopped(folder, state.is_some(), log_is_missing));
        }
    }
    Ok(checks)
}

/// A start is only advised where it makes no empty log by mistake.
fn stopped(folder: &StateFolder, was_started: bool, log_is_missing: bool) -> Check {
    let path = folder.path().display();
    let to_do = match (was_started, log_is_missing) {
        (_, true) => "see event log above before it is started".to_owned(),
        (true, false) => format!("start it with `hilum up --state {path}`"),
        (false, false) => format!(
            "name the folder of your stack with --state; `hilum up --state {path}` begins a new one there, with an empty log"
        ),
    };
    Check::bad("stack", format!("nothing runs in {path}"), to_do)
}

fn supervisor(folder: &StateFolder, state: &StackState) -> Check {
    let seen = format!("process {}, {}, since {}", state.pid, state.base_url, state.started_at);
    match hilum_stack::holder(folder, state) {
        Some(_) => Check::good("stack", seen),
        None => Check::bad("stack", "just starting or stopping", "look again in a few seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_stack_is_said_to_be_stopped_and_how_to_start_it() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&place.path().join("not-made-yet")).unwrap();
        let checks = examine(&folder).await.unwrap();
        let stack = checks.iter().find(|check| check.what == "stack").unwrap();
        assert!(!stack.ok);
        assert!(stack.to_do.as_deref().unwrap().contains("hilum up --state"), "{stack:?}");
        assert!(checks.iter().any(|check| check.what == "disk"));
        assert!(!folder.path().exists());
    }

    #[test]
    fn a_start_is_advised_only_where_it_makes_no_empty_log_by_mistake() {
        let folder = StateFolder::at(std::path::Path::new("/s")).unwrap();
        let advice =
            |was_started, log_is_missing| stopped(&folder, was_started, log_is_missing).to_do.unwrap();
        assert_eq!(advice(true, false), "start it with `hilum up --state /s`");
        assert!(advice(false, false).contains("with --state") && advice(false, false).contains("empty log"));
        assert!(!advice(true, true).contains("hilum up") && !advice(false, true).contains("hilum up"));
    }
}
