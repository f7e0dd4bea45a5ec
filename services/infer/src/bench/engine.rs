//! `bench engine`: how long each engine that this machine has takes for an image, in each arithmetic and for each size
//! of a batch, and which part of the machine's own speed that is.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use hilum_models::{Architecture, ModelFolder, demo::write_demo};
use serde::Serialize;

use super::Form;
use super::peak::operations_per_s;
use crate::calibrate::measure;
use crate::candidates::{Machine, Possibility, candidates};
use crate::engine::EngineDescription;
use crate::engine_options::EngineOptions;
use crate::engine_settings::{EngineKind, EngineSettings};
use crate::load::load_engine;
use crate::memory::{give_back_freed, resident};
use crate::replicas::muster;
use crate::self_check::{CheckError, self_check};

/// Multiplications and additions of DenseNet-121 for 224 × 224 values, each counted.
const DENSENET121_OPERATIONS: f64 = 5.7e9;

/// What the command says of itself.
pub(super) const ABOUT: &str = "Milliseconds per image for each engine and arithmetic that this machine has.

Every engine runs as in the service: all its replicas at the same time, on all cores that it is given. The time per image is
what one image costs then; the latency is that of a single image while nothing else runs. The fastest pass counts. The share
is that of the speed of a large matrix product in the same arithmetic, measured just before. What does not prove itself on
the model's golden cases is shown, and said so.";

#[derive(Debug, Args)]
pub(super) struct EngineArgs {
    /// Folder of the model; by default the demonstration model is made
    #[arg(long, value_name = "DIR", env = "HILUM_MODEL")]
    model: Option<PathBuf>,
    /// Images in a forward pass
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values = ["1", "2", "4", "8", "16"])]
    batches: Vec<NonZeroUsize>,
    /// Passes of each size, of which the fastest counts
    #[arg(long, value_name = "N", default_value_t = 8)]
    passes: u32,
    #[command(flatten)]
    engine: EngineOptions,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Outcome {
    benchmark: &'static str,
    cores: usize,
    batches: Vec<NonZeroUsize>,
    engines: Vec<Row>,
}

/// One engine in one arithmetic.
#[derive(Debug, Serialize)]
struct Row {
    engine: &'static str,
    precision: &'static str,
    device: String,
    #[serde(flatten)]
    result: Trial,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Trial {
    Measured(Measured),
    /// Why it does not run here.
    NotRun {
        reason: String,
    },
}

#[derive(Debug, Serialize)]
struct Measured {
    version: String,
    replicas: NonZeroUsize,
    threads_of_each: NonZeroUsize,
    memory_bytes: u64,
    /// A single image while nothing else runs.
    latency_ms: f64,
    /// For each size of a batch, all replicas at work.
    ms_per_image: Vec<f64>,
    best_images_per_s: f64,
    /// Of a large matrix product, floating-point operations per second.
    peak_operations_per_s: f64,
    /// Of the best throughput in the peak; `None` for a network whose operations nobody has counted.
    share_of_peak: Option<f64>,
    largest_logit_difference: Option<f32>,
    /// Within the bounds of its arithmetic on the golden cases; `None` if there are none.
    is_proved: Option<bool>,
}

pub(super) fn run(args: &EngineArgs, form: &Form, out: &mut dyn Write) -> anyhow::Result<()> {
    args.engine.use_libraries();
    let made = tempfile::tempdir()?;
    let folder = match &args.model {
        Some(folder) => ModelFolder::open(folder)?,
        None => write_demo(&made.path().join("model"))?,
    };
    let mut outcome = Outcome {
        benchmark: "engine",
        cores: args.engine.cores.get(),
        batches: args.batches.clone(),
        engines: Vec::new(),
    };
    for Possibility { settings, obstacle } in candidates(&args.engine.wanted(), &Machine::here()) {
        let measured = match obstacle {
            Some(reason) => Err(anyhow::anyhow!(reason)),
            None => measured(&folder, args, &settings),
        };
        let not_run = |error: anyhow::Error| Trial::NotRun { reason: format!("{error:#}") };
        outcome.engines.push(Row {
            engine: settings.kind.as_str(),
            precision: settings.precision.as_str(),
            device: settings.device.to_string(),
            result: measured.map_or_else(not_run, Trial::Measured),
        });
    }
    form.show(&outcome, out, show)
}

fn measured(folder: &ModelFolder, args: &EngineArgs, settings: &EngineSettings) -> anyhow::Result<Measured> {
    let peak = match settings.kind {
        EngineKind::Simulated(_) => f64::INFINITY,
        _ => operations_per_s(settings.precision, settings.device, args.engine.cores)?,
    };
    give_back_freed();
    let before = resident();
    let mut first = load_engine(folder, settings)?;
    let EngineDescription { version, .. } = first.description();
    let (report, is_proved) = match self_check(&mut *first, folder) {
        Ok(report) => (Some(report), Some(true)),
        Err(CheckError::Differs(report)) => (Some(report), Some(false)),
        Err(CheckError::NoCases) => (None, None),
        Err(error) => return Err(error.into()),
    };
    let largest = args.batches.iter().copied().max().context("there is no batch to measure")?;
    let mut crew = muster(folder, &args.engine.wanted(), settings, first, before, largest)?;
    let latency = measure(&mut crew.engines[..1], NonZeroUsize::MIN, args.passes)?.pass;
    let per_image = |batch: &NonZeroUsize| {
        Ok(measure(&mut crew.engines, *batch, args.passes)?.per_image.as_secs_f64() * 1000.0)
    };
    let ms_per_image = args.batches.iter().map(per_image).collect::<anyhow::Result<Vec<f64>>>()?;
    let best_ms = ms_per_image.iter().copied().fold(f64::INFINITY, f64::min);
    let is_counted = folder.manifest().architecture == Architecture::Densenet121;
    Ok(Measured {
        version,
        replicas: crew.settings.replicas,
        threads_of_each: crew.settings.threads,
        memory_bytes: resident().since(before).0,
        latency_ms: latency.as_secs_f64() * 1000.0,
        ms_per_image,
        best_images_per_s: 1000.0 / best_ms,
        peak_operations_per_s: peak,
        share_of_peak: is_counted.then_some(DENSENET121_OPERATIONS * 1000.0 / best_ms / peak),
        largest_logit_difference: report.map(|report| report.largest_logit_difference),
        is_proved,
    })
}

fn show(outcome: &Outcome, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "ms per image on {} cores, all replicas at work", outcome.cores)?;
    write!(out, "{:<22} {:>9} {:>8}", "engine", "replicas", "alone")?;
    for batch in &outcome.batches {
        write!(out, " {:>8}", format!("batch {batch}"))?;
    }
    writeln!(out, " {:>9} {:>7} {:>6} {:>8}", "images/s", "TFLOP/s", "share", "logits")?;
    for row in &outcome.engines {
        write!(out, "{:<22} ", format!("{} {} {}", row.engine, row.precision, row.device))?;
        match &row.result {
            Trial::NotRun { reason } => writeln!(out, "not run: {reason}")?,
            Trial::Measured(measured) => write_measured(measured, out)?,
        }
    }
    writeln!(
        out,
        "TFLOP/s is the machine's own, in a large matrix product; share is the engine's part of it."
    )?;
    writeln!(out, "logits is the largest difference from the golden cases.")?;
    Ok(())
}

fn write_measured(measured: &Measured, out: &mut dyn Write) -> std::io::Result<()> {
    let layout = format!("{} × {}", measured.replicas, measured.threads_of_each);
    write!(out, "{layout:>9} {:>8.1}", measured.latency_ms)?;
    for ms in &measured.ms_per_image {
        write!(out, " {ms:>8.1}")?;
    }
    let share = measured.share_of_peak.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let logits = measured.largest_logit_difference.map_or("-".to_owned(), |logits| format!("{logits:.0e}"));
    let verdict = if measured.is_proved == Some(false) { " FAILED: not used" } else { "" };
    writeln!(
        out,
        " {:>9.1} {:>7.2} {share:>6} {logits:>8}{verdict}",
        measured.best_images_per_s,
        measured.peak_operations_per_s / 1e12
    )
}
