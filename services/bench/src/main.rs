//! `hilum bench`: measurements that anybody can run on their own machine, each on a stack of its own that is
//! removed afterwards. Knows no measurement itself.

mod capacity;
mod contents;
mod core_use;
mod fairness;
mod full_pipes;
mod ideal;
mod images;
mod latency_view;
mod load;
mod logging;
mod pipeline;
mod poison;
mod processes;
mod simulated;
mod statistics;
mod study;
mod surroundings;
mod temporary;
mod worker_metrics;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::model::{PassedOn, pass_on};
use crate::error::Error;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Write the outcome as JSON to this file as well
    #[arg(long, global = true, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Good images beside 10,000 messages that fail again and again; exit code 1 if these slow them too much
    #[command(long_about = poison::ABOUT)]
    Poison(poison::PoisonArgs),
    /// Milliseconds per image in the model, for each engine and precision (see `hilum bench engine --help`)
    #[command(disable_help_flag = true)]
    Engine(PassedOn),
    /// Milliseconds per image before the model, for each kind of file (see `hilum bench preprocess --help`)
    #[command(disable_help_flag = true)]
    Preprocess(PassedOn),
    /// Images per second through the whole stack, and the ratio to the ideal
    #[command(long_about = pipeline::ABOUT)]
    Pipeline(pipeline::PipelineArgs),
    /// How many senders of one image per second the stack holds at a p95 under one second
    #[command(long_about = capacity::ABOUT)]
    Capacity(capacity::CapacityArgs),
    /// How long a study of many images takes with as many workers, and with one; exit code 1 if more than promised
    #[command(long_about = study::ABOUT)]
    Study(study::StudyArgs),
    /// What an image waits beside the flood of another site or priority; exit code 1 if more than promised
    #[command(long_about = fairness::ABOUT)]
    Fairness(fairness::FairnessArgs),
    /// What logs cost an upload, and what a log that nobody reads does; exit code 1 if more than promised
    #[command(long_about = logging::ABOUT)]
    Logging(logging::LoggingArgs),
}

/// Where the outcome of a measurement goes.
#[derive(Debug, Clone)]
struct Place {
    output: Output,
    save: Option<PathBuf>,
}

impl Place {
    /// What `hilum-infer` gets for a measurement of its own.
    fn passed_on(&self, benchmark: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["bench".into(), benchmark.into()];
        words.extend(self.save.iter().flat_map(|file| ["--save".into(), file.clone().into()]));
        words
    }

    /// The whole outcome as one object, besides what was shown of it to people.
    fn object(&self, outcome: &Value) -> Result<(), Error> {
        self.output.object(outcome);
        let Some(file) = &self.save else { return Ok(()) };
        std::fs::write(file, format!("{outcome:#}\n")).map_err(Error::file("write", file))
    }
}

pub(super) async fn run(args: BenchArgs, output: Output) -> Result<ExitCode, Error> {
    let place = Place { output, save: args.save };
    match args.benchmark {
        Benchmark::Engine(args) => pass_on(&place.passed_on("engine"), &args, output),
        Benchmark::Preprocess(args) => pass_on(&place.passed_on("preprocess"), &args, output),
        Benchmark::Poison(args) => Box::pin(poison::run(args, place)).await,
        Benchmark::Pipeline(args) => Box::pin(pipeline::run(args, place)).await,
        Benchmark::Capacity(args) => Box::pin(capacity::run(args, place)).await,
        Benchmark::Study(args) => Box::pin(study::run(args, place)).await,
        Benchmark::Fairness(args) => Box::pin(fairness::run(args, place)).await,
        Benchmark::Logging(args) => Box::pin(logging::run(args, place)).await,
    }
}
