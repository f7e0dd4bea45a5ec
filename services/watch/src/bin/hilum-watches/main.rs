//! What answers `hilum watch`: the file of watches, and what the service gave up. Wiring only.

mod error;
mod files;
mod parked;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use hilum_terminal::{Output, run_command};

use crate::error::Error;

/// Shows and tries watches, and decides about objects that were given up
#[derive(Debug, Parser)]
#[command(name = "hilum-watches", bin_name = "hilum watch", version)]
struct CommandLine {
    /// Print one JSON object per line instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the watches of the file
    List(FileArgs),
    /// Say which watch an object is of and what it means, without looking at it; exit code 1 if none takes it
    Test(files::TestArgs),
    /// Add a watch to the file, which is made if it is not there; nothing is written unless the whole file is good then
    Add(files::AddArgs),
    /// List the objects that were given up, with what they are called: a name can be a patient's
    Parked(parked::ListArgs),
    /// Have objects that were given up looked at again
    Retry(parked::DecideArgs),
    /// Forget objects that were given up; they stay in their buckets
    Forget(parked::DecideArgs),
}

/// The file of watches.
#[derive(Debug, Args)]
struct FileArgs {
    /// TOML file of the watches
    #[arg(long, env = "HILUM_WATCHES", value_name = "FILE")]
    watches: PathBuf,
    /// Where Hilum keeps its own objects, which no watch may find
    #[arg(long, env = "HILUM_STORE_URL", value_name = "URL")]
    store_url: Option<String>,
    /// File of delivery targets, which no watch may find
    #[arg(long, env = "HILUM_TARGETS", value_name = "FILE")]
    targets: Option<PathBuf>,
}

fn main() -> ExitCode {
    let CommandLine { json, command } = CommandLine::parse();
    let output = Output::new(json);
    run_command(output, run(command, output))
}

async fn run(command: Command, output: Output) -> Result<ExitCode, Error> {
    match command {
        Command::List(args) => files::list(&args, output),
        Command::Test(args) => files::test(&args, output),
        Command::Add(args) => files::add(&args, output),
        Command::Parked(args) => parked::list(&args, output).await,
        Command::Retry(args) => parked::retry(&args, output).await,
        Command::Forget(args) => parked::forget(&args, output).await,
    }
}
