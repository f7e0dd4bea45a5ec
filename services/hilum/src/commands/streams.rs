//! `hilum streams apply` and `hilum streams check`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use hilum_log::{Drift, Log, UnavailableError, apply_definitions_knowing, drift};
use hilum_stack::{connect, floors_in, nats_error};
use hilum_terminal::Output;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;

/// What is done about a log that is not there. Whatever would make it anew would make it empty.
pub(super) const RESTORE_LOG: &str = "restore the stream EVENTS, or the folder of nats-server, from a copy; until then start \
                                      and apply nothing, for a log that is made anew is empty";
const RESTORE_LOST: &str = "`hilum log losses` tells more; restore the stream from a copy, or accept the loss with `hilum log \
                            accept-loss`";

#[derive(Debug, Args)]
pub(super) struct StreamsArgs {
    /// What to do
    action: Action,
    /// Address of NATS; by default that of the stack in the state folder
    #[arg(long, env = "HILUM_NATS_URL", value_name = "URL")]
    nats_url: Option<String>,
    /// Servers that keep each message: 1 for a single node, 3 for production
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// Where object storage is, whose records tell where a consumer stood that was lost; by default that of the stack in the
    /// state folder
    #[arg(long, env = "HILUM_STORE_URL", value_name = "URL")]
    store_url: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Make what is missing and bring what differs to its definition
    Apply,
    /// Only compare; exit code 1 if something differs
    Check,
}

pub(super) async fn run(args: &StreamsArgs, output: Output) -> Result<ExitCode, Error> {
    let (url, store_url) = match &args.nats_url {
        Some(url) => (url.clone(), args.store_url.clone()),
        None => {
            let state = hilum_stack::running(&args.state.folder()?)?;
            (state.nats_url(), Some(args.store_url.clone().unwrap_or(state.store_url)))
        }
    };
    let replicas = usize::from(args.replicas);
    let log = connect(&url).await?;
    let mut to_do = "";
    let drifted = match args.action {
        Action::Apply => {
            refuse_empty_log(&log, &url, store_url.as_deref()).await?;
            let floors = match &store_url {
                Some(store_url) => Some(floors_in(store_url).await.map_err(|error| nats_error(&url, error))?),
                None => None,
            };
            let applied = apply_definitions_knowing(&log, replicas, floors.as_ref()).await;
            applied.map_err(|error| nats_error(&url, Box::new(error)))?
        }
        Action::Check => {
            let found =
                differences(&log, replicas).await.map_err(|error| nats_error(&url, Box::new(error)))?;
            to_do = found.to_do;
            found.all
        }
    };
    for Drift { what, difference } in &drifted {
        output.say(format_args!("{what}: {difference}"));
        output.object(&json!({ "what": what, "difference": difference }));
    }
    match (args.action, drifted.len()) {
        (Action::Apply, 0) => output.say("the streams are as defined"),
        (Action::Apply, count) => output.say(format_args!("{count} differences were set right")),
        (Action::Check, 0) => output.say("nothing differs from the definitions"),
        (Action::Check, count) => {
            output.say(format_args!("{count} differences; {to_do}"));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a log is not as it should be, and what to do about it.
pub(super) struct Differences {
    pub(super) all: Vec<Drift>,
    pub(super) to_do: &'static str,
}

/// What differs from the definitions, a missing event stream and lost facts among it.
pub(super) async fn differences(log: &Log, replicas: usize) -> Result<Differences, UnavailableError> {
    let mut all = drift(log, replicas).await?;
    if log.position().await.is_err() {
        let (what, difference) = ("EVENTS".to_owned(), "the event stream is missing".to_owned());
        all.push(Drift { what, difference });
        return Ok(Differences { all, to_do: RESTORE_LOG });
    }
    let lost = log.lost().await?;
    let to_do = if lost.is_empty() { "`hilum streams apply` sets it right" } else { RESTORE_LOST };
    all.extend(lost);
    Ok(Differences { all, to_do })
}

/// Applying the definitions to a server without the log would make an empty one, which nothing that is stored here would
/// work with.
async fn refuse_empty_log(log: &Log, url: &str, store_url: Option<&str>) -> Result<(), Error> {
    let Some(store_url) = store_url else { return Ok(()) };
    if log.position().await.is_ok() {
        return Ok(());
    }
    match hilum_stack::sealed_facts(store_url).await.map_err(|error| nats_error(url, error))? {
        Some(facts) => Err(Error::LogMissing { facts }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use hilum_servers::{NatsOptions, NatsServer, TestFolder};

    use super::*;

    #[tokio::test]
    async fn a_log_that_is_lost_is_not_made_anew_by_applying_its_definitions() {
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let records = folder.path().join("objects/records");
        std::fs::create_dir_all(&records).unwrap();
        let seal = json!({ "epoch": "e", "seq": 7, "event_id": null, "sealed_at": "2026-01-01T00:00:00Z" });
        std::fs::write(records.join("log-seal.json"), seal.to_string()).unwrap();
        let args = StreamsArgs {
            action: Action::Apply,
            nats_url: Some(nats.url()),
            replicas: 1,
            store_url: Some(format!("file://{}", folder.path().join("objects").display())),
            state: StateArgs { state: folder.path().to_owned() },
        };
        let refused = run(&args, Output::new(true)).await.unwrap_err();
        assert!(matches!(refused, Error::LogMissing { facts: 7 }), "{refused}");
        let log = connect(&nats.url()).await.unwrap();
        let found = differences(&log, 1).await.unwrap();
        assert_eq!((found.all.len(), found.to_do), (1, RESTORE_LOG));
        // Where there never was one it is made.
        std::fs::remove_file(records.join("log-seal.json")).unwrap();
        run(&args, Output::new(true)).await.unwrap();
        assert!(differences(&log, 1).await.unwrap().all.is_empty());
    }
}
