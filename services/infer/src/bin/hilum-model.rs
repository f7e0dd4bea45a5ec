//! The reading service and its model commands. Wiring only.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hilum_infer::bench::{self, BenchArgs};
use hilum_infer::model_command::{self, ModelArgs};
use hilum_infer::{Config, environment, service};

/// Takes requests from the event log and reads their images with a model. `hilum-infer model` makes, shows,
/// checks and imports model folders; `hilum-infer bench` measures.
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
    /// Measure what this machine can do.
    Bench(BenchArgs),
}

fn main() -> ExitCode {
    hilum_runtime::exit_code(run())
}

fn run() -> anyhow::Result<ExitCode> {
    environment::prepare();
    if std::env::args_os().nth(1).is_some_and(|first| first == "model" || first == "bench") {
        let out = &mut std::io::stdout();
        return match Commands::parse().command {
            Command::Model(args) => Ok(model_command::run(&args, out)?),
            Command::Bench(args) => bench::run(&args, out).map(|()| ExitCode::SUCCESS),
        };
    }
    let Serve { config } = Serve::parse();
    tokio::runtime::Runtime::new()?.block_on(service::run(config))?;
    Ok(ExitCode::SUCCESS)
}
