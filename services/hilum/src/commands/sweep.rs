//! `hilum sweep`: the service that compares the log with itself knows how, so its program answers.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::Args;
use hilum_stack::sibling;
use hilum_terminal::Output;

use super::StateArgs;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// Only say what would be repaired or parked
    #[arg(long)]
    dry_run: bool,
    /// Also read and hash each stored object, and look for what lies in storage and belongs to nothing
    #[arg(long)]
    deep: bool,
    /// With --deep: only the objects whose hash begins with these hexadecimal digits
    #[arg(long, requires = "deep", value_name = "DIGITS")]
    prefix: Option<String>,
    /// Address of NATS; by default that of the stack in the state folder
    #[arg(long, env = "HILUM_NATS_URL", value_name = "URL")]
    nats_url: Option<String>,
    /// Where objects are kept; by default where the stack in the state folder keeps them
    #[arg(long, env = "HILUM_STORE_URL", value_name = "URL")]
    store_url: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

/// Becomes `hilum-sweep --once …`; returns only if it can't.
pub(super) fn run(args: &SweepArgs, output: Output) -> Result<ExitCode, Error> {
    let (nats_url, store_url) = match (&args.nats_url, &args.store_url) {
        (Some(nats_url), Some(store_url)) => (nats_url.clone(), store_url.clone()),
        (nats_url, store_url) => {
            let state = hilum_stack::running(&args.state.folder()?)?;
            let nats_url = nats_url.clone().unwrap_or_else(|| state.nats_url());
            (nats_url, store_url.clone().unwrap_or(state.store_url))
        }
    };
    let program = sibling("hilum-sweep")?;
    let mut command = Command::new(&program);
    command.arg("--once");
    command.args(args.dry_run.then_some("--dry-run"));
    command.args(args.deep.then_some("--deep"));
    command.args(args.prefix.iter().flat_map(|digits| ["--prefix", digits]));
    command.args(output.is_json().then_some("--json"));
    command.env("HILUM_NATS_URL", nats_url).env("HILUM_STORE_URL", store_url);
    Err(Error::file("run", program)(command.exec()))
}
