//! `hilum streams apply` and `hilum streams check`.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hilum_log::{Drift, Log, UnavailableError, apply_definitions_knowing, drift};
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::output::Output;
use crate::stack::{self, floors_in};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

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
            let state = stack::running(&args.state.folder()?)?;
            (state.nats_url(), Some(args.store_url.clone().unwrap_or(state.store_url)))
        }
    };
    let replicas = usize::from(args.replicas);
    let log = connect(&url).await?;
    let drifted = match args.action {
        Action::Apply => {
            let floors = match &store_url {
                Some(store_url) => Some(floors_in(store_url).await.map_err(|error| nats(&url, error))?),
                None => None,
            };
            let applied = apply_definitions_knowing(&log, replicas, floors.as_ref()).await;
            applied.map_err(|error| nats(&url, Box::new(error)))?
        }
        Action::Check => differences(&log, replicas).await.map_err(|error| nats(&url, Box::new(error)))?,
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
            output.say(format_args!("{count} differences; `hilum streams apply` sets them right"));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What differs from the definitions, a missing event stream among it.
pub(super) async fn differences(log: &Log, replicas: usize) -> Result<Vec<Drift>, UnavailableError> {
    let mut drifted = drift(log, replicas).await?;
    if log.position().await.is_err() {
        let (what, difference) = ("EVENTS".to_owned(), "the event stream is missing".to_owned());
        drifted.push(Drift { what, difference });
        return Ok(drifted);
    }
    drifted.extend(log.lost().await?);
    Ok(drifted)
}

/// Connects and makes sure that there is somebody.
pub(super) async fn connect(url: &str) -> Result<Log, Error> {
    let log = Log::connect(url, "hilum").await.map_err(|error| nats(url, Box::new(error)))?;
    let connected = hilum_servers::wait_until(CONNECT_LIMIT, || async { log.is_connected() }).await;
    if connected { Ok(log) } else { Err(nats(url, "it does not answer".into())) }
}

/// For `map_err`.
pub(super) fn nats(url: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Nats { url: url.to_owned(), source }
}
