//! The tools for model folders, which answer `hilum model`, and the measurements that load a model. Wiring only.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hilum_infer::bench::{self, BenchArgs};
use hilum_infer::environment;
use hilum_infer::tools::{self, ModelCommand};

/// Make, show, check and import model folders
#[derive(Parser)]
#[command(name = "hilum-model", bin_name = "hilum model", version)]
struct CommandLine {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Model(ModelCommand),
    /// Measure what this machine can do; `hilum bench` calls it.
    #[command(hide = true)]
    Bench(BenchArgs),
}

fn main() -> ExitCode {
    hilum_runtime::exit_code(run())
}

fn run() -> anyhow::Result<ExitCode> {
    environment::start_with_variables();
    let CommandLine { json, command } = CommandLine::parse();
    let out = &mut std::io::stdout();
    match command {
        Command::Model(command) => Ok(tools::run(&command, json, out)?),
        Command::Bench(args) => bench::run(&args, json, out).map(|()| ExitCode::SUCCESS),
    }
}
