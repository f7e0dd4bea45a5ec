//! The reading service. Wiring only.

use std::process::ExitCode;

use clap::Parser;
use hilum_infer::{Config, OLD_NAMES, environment, service};
use hilum_runtime::parse_with_old_names;

/// Takes requests from the event log and reads their images with a model. `hilum-model` makes, shows, checks and imports
/// model folders.
#[derive(Parser)]
#[command(name = "hilum-infer", version)]
struct CommandLine {
    #[command(flatten)]
    config: Config,
}

fn main() -> ExitCode {
    hilum_runtime::exit_code(run())
}

fn run() -> anyhow::Result<ExitCode> {
    environment::start_with_variables();
    let CommandLine { config } = parse_with_old_names(&OLD_NAMES);
    tokio::runtime::Runtime::new()?.block_on(service::run(config))?;
    Ok(ExitCode::SUCCESS)
}
