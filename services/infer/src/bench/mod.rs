//! `hilum-model bench …`: what this machine can do, without a service around it. Knows no measurement itself.

mod comparison;
mod engine;
mod engine_outcome;
mod engine_view;
mod ideal;
mod peak;
mod preprocess;
mod pytorch;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Which measurement, and where its outcome goes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Write the JSON object to this file as well.
    #[arg(long, global = true, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Milliseconds per image in the model, for each engine and arithmetic.
    #[command(long_about = engine::ABOUT)]
    Engine(engine::EngineArgs),
    /// Images per second of decode, preprocess and forward in one process, nothing else around it.
    Ideal(ideal::IdealArgs),
    /// Milliseconds per image before the model, stage by stage, for each file of a folder.
    Preprocess(preprocess::PreprocessArgs),
}

/// How an outcome is shown.
struct ResultWriter {
    json: bool,
    save: Option<PathBuf>,
}

impl ResultWriter {
    /// As `text` says it or as JSON; and as JSON into a file, if one was named.
    fn show<T: Serialize>(
        &self,
        outcome: &T,
        out: &mut dyn Write,
        text: impl FnOnce(&T, &mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if let Some(file) = &self.save {
            let json = serde_json::to_vec_pretty(outcome)?;
            std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.json {
            serde_json::to_writer(&mut *out, outcome)?;
            return Ok(writeln!(out)?);
        }
        text(outcome, out)
    }
}

/// Runs one measurement; with `json` it says one object instead of text.
///
/// # Errors
/// A file, the model or an engine can't be used.
pub fn run(args: &BenchArgs, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let writer = &ResultWriter { json, save: args.save.clone() };
    match &args.benchmark {
        Benchmark::Engine(engine_args) => engine::run(engine_args, writer, out),
        Benchmark::Ideal(ideal_args) => ideal::run(ideal_args, writer, out),
        Benchmark::Preprocess(preprocess_args) => preprocess::run(preprocess_args, writer, out),
    }
}
