//! `hilum-bench`, which answers `hilum bench`: measurements that anybody can run on their own machine, each on a stack of its own that is
//! removed afterwards. Knows no measurement itself.

mod capacity;
mod contents;
mod core_use;
mod dicom;
mod error;
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
mod result_writer;
mod s3;
mod simulated;
mod statistics;
mod study;
mod surroundings;
mod temporary;
mod worker_metrics;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hilum_stack::{MODEL_TOOLS, become_sibling};
use hilum_terminal::{Output, PassedOn, run_command};

use crate::error::Error;
use crate::result_writer::ResultWriter;

/// Measures on a stack of its own what Hilum promises
#[derive(Debug, Parser)]
#[command(name = "hilum-bench", bin_name = "hilum bench", version)]
struct CommandLine {
    /// Print one JSON object per line instead of text
    #[arg(long, global = true)]
    json: bool,
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
    /// Images per second by C-STORE, beside another archive if one is named; exit code 1 if that is faster
    #[command(long_about = dicom::ABOUT)]
    Dicom(dicom::DicomArgs),
    /// Notified objects per second, beside uploads by HTTP; exit code 1 if these are faster
    #[command(long_about = s3::ABOUT)]
    S3(s3::S3Args),
}

fn main() -> ExitCode {
    let CommandLine { json, save, benchmark } = CommandLine::parse();
    let output = Output::new(json);
    run_command(output, run(benchmark, ResultWriter { output, save }))
}

async fn run(benchmark: Benchmark, writer: ResultWriter) -> Result<ExitCode, Error> {
    match benchmark {
        Benchmark::Engine(args) => Err(pass_on("engine", &args, &writer)),
        Benchmark::Preprocess(args) => Err(pass_on("preprocess", &args, &writer)),
        Benchmark::Poison(args) => Box::pin(poison::run(args, writer)).await,
        Benchmark::Pipeline(args) => Box::pin(pipeline::run(args, writer)).await,
        Benchmark::Capacity(args) => Box::pin(capacity::run(args, writer)).await,
        Benchmark::Study(args) => Box::pin(study::run(args, writer)).await,
        Benchmark::Fairness(args) => Box::pin(fairness::run(args, writer)).await,
        Benchmark::Logging(args) => Box::pin(logging::run(args, writer)).await,
        Benchmark::Dicom(args) => Box::pin(dicom::run(args, writer)).await,
        Benchmark::S3(args) => Box::pin(s3::run(args, writer)).await,
    }
}

/// Becomes the program that measures the model alone; returns only if it can't.
fn pass_on(benchmark: &str, args: &PassedOn, writer: &ResultWriter) -> Error {
    let mut words: Vec<OsString> = vec!["bench".into(), benchmark.into()];
    words.extend(writer.save.iter().flat_map(|file| ["--save".into(), file.clone().into()]));
    words.extend(writer.output.is_json().then(|| "--json".into()));
    words.extend(args.arguments.iter().cloned());
    become_sibling(MODEL_TOOLS, &words).into()
}
