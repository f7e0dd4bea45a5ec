//! `hilum bench`: measurements that anybody can run on their own machine, each on a stack of its own that is
//! removed afterwards. Knows no measurement itself.

mod images;
mod poison;
mod statistics;
mod temporary;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::error::Error;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Good images beside 10,000 messages that fail again and again; exit code 1 if these slow them too much
    #[command(long_about = poison::ABOUT)]
    Poison(poison::PoisonArgs),
}

pub(super) async fn run(args: BenchArgs, output: Output) -> Result<ExitCode, Error> {
    match args.benchmark {
        Benchmark::Poison(args) => Box::pin(poison::run(args, output)).await,
    }
}
