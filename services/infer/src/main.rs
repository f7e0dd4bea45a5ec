//! The reading service and its model commands. Wiring only.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hilum_infer::model_command::{self, ModelArgs};
use hilum_infer::{Config, environment, service};

/// Takes requests from the event log and reads their images with a model. `hilum-infer model` makes, shows,
/// checks and imports model folders.
#[derive(Parser)]
#[command(name = "hilum-infer", version)]
struct Serve {
    #[command(flatten)]
    config: Config,
}

#[derive(Parser)]
#[command(name = "hilum-infer", version)]
struct Commands {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make, show, check and import model folders.
    Model(ModelArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    environment::prepare();
    if std::env::args_os().nth(1).is_some_and(|first| first == "model") {
        let Command::Model(args) = Commands::parse().command;
        return Ok(model_command::run(&args, &mut std::io::stdout())?);
    }
    let Serve { config } = Serve::parse();
    tokio::runtime::Runtime::new()?.block_on(service::run(config))?;
    Ok(ExitCode::SUCCESS)
}
