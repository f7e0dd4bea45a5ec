//! `bench engine`: how long each engine that this machine has takes for an image, in each arithmetic and for each size
//! of a batch, and which part of the machine's own speed that is.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use hilum_models::{Architecture, ModelFolder, demo::write_demo};

use super::ResultWriter;
use super::comparison::{Comparison, median};
use super::engine_outcome::{EngineOutcome, Measured, Row, Trial};
use super::engine_view::show;
use super::peak::operations_per_s;
use super::pytorch::Pytorch;
use crate::choice::calibrate::measure;
use crate::choice::candidates::{Machine, Possibility, candidates};
use crate::choice::memory::{give_back_freed, resident};
use crate::choice::options::EngineOptions;
use crate::choice::replicas::{First, load_replicas};
use crate::choice::self_check::{CheckError, self_check};
use crate::engine::load::load_engine;
use crate::engine::settings::{EngineKind, EngineSettings};
use crate::engine::{Engine, EngineDescription};

/// Multiplications and additions of DenseNet-121 for 224 × 224 values, each counted.
const DENSENET121_OPERATIONS: f64 = 5.7e9;

/// What the command says of itself.
pub(super) const ABOUT: &str = "Milliseconds per image for each engine and arithmetic that this machine has.

Every engine runs as in the service: all its replicas at the same time, on all cores that it is given. The time per image is
what one image costs then; the latency is that of a single image while nothing else runs. The fastest pass counts. The share
is that of the speed of a large matrix product in the same arithmetic, measured just after. What does not prove itself on
the model's golden cases is shown, and said so.

With --pytorch the same network runs in PyTorch's eager mode before and after the engines, on as many threads as there are
cores. How many times as fast the best engine is, is said of medians on both sides.";

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
    /// A Python that has torch: its eager mode is measured beside the engines
    #[arg(long, value_name = "PYTHON", env = "HILUM_IMPORT_PYTHON")]
    pytorch: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineOptions,
}

pub(super) fn run(args: &EngineArgs, writer: &ResultWriter, out: &mut dyn Write) -> anyhow::Result<()> {
    args.engine.use_libraries();
    let made = tempfile::tempdir()?;
    let folder = match &args.model {
        Some(folder) => ModelFolder::open(folder)?,
        None => write_demo(&made.path().join("model"))?,
    };
    let cores = args.engine.cores;
    let prepare = |python: &PathBuf| Pytorch::prepare(python, &folder, cores, args.passes);
    let pytorch = args.pytorch.as_ref().map(prepare).transpose()?;
    let pytorch_once = || pytorch.as_ref().map(Pytorch::run).transpose();
    let before = pytorch_once()?;
    let mut outcome = EngineOutcome {
        benchmark: "engine",
        cores: cores.get(),
        batches: args.batches.clone(),
        engines: Vec::new(),
        pytorch: None,
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
    let runs: Vec<_> = [before, pytorch_once()?].into_iter().flatten().collect();
    outcome.pytorch = Comparison::of(&runs, cores, outcome.engines.iter().filter_map(Row::proved));
    writer.show(&outcome, out, show)
}

fn measured(folder: &ModelFolder, args: &EngineArgs, settings: &EngineSettings) -> anyhow::Result<Measured> {
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
    let first = First { engine: first, before, largest_batch: largest };
    let mut loaded = load_replicas(folder, &args.engine.wanted(), settings, first)?;
    let latency = measure(&mut loaded.engines[..1], NonZeroUsize::MIN, args.passes)?.pass;
    let per_image = |batch: &NonZeroUsize| {
        Ok(measure(&mut loaded.engines, *batch, args.passes)?.per_image.as_secs_f64() * 1000.0)
    };
    let ms_per_image = args.batches.iter().map(per_image).collect::<anyhow::Result<Vec<f64>>>()?;
    let beside = args.pytorch.as_ref().map(|_| median_of_singles(&mut loaded.engines, 2 * args.passes));
    let best_ms = ms_per_image.iter().copied().fold(f64::INFINITY, f64::min);
    let memory_bytes = resident().since(before).0;
    // Last: an arithmetic that this machine lacks has been refused by now, and would be multiplied for a minute.
    let peak = match settings.kind {
        EngineKind::Simulated(_) => f64::INFINITY,
        _ => operations_per_s(settings.precision, settings.device, args.engine.cores)?,
    };
    let is_counted = folder.manifest().architecture == Architecture::Densenet121;
    Ok(Measured {
        version,
        replicas: loaded.settings.replicas,
        threads_of_each: loaded.settings.threads,
        memory_bytes,
        latency_ms: latency.as_secs_f64() * 1000.0,
        ms_per_image,
        median_ms_at_batch_1: beside.transpose()?.flatten(),
        best_images_per_s: 1000.0 / best_ms,
        peak_operations_per_s: peak,
        share_of_peak: is_counted.then_some(DENSENET121_OPERATIONS * 1000.0 / best_ms / peak),
        largest_logit_difference: report.map(|report| report.largest_logit_difference),
        is_proved,
    })
}

/// Milliseconds per image, of passes counted one by one as PyTorch's are.
fn median_of_singles(engines: &mut [Box<dyn Engine>], passes: u32) -> anyhow::Result<Option<f64>> {
    let pass = |_| Ok(measure(engines, NonZeroUsize::MIN, 1)?.per_image.as_secs_f64() * 1000.0);
    Ok(median(&(0..passes.max(1)).map(pass).collect::<anyhow::Result<Vec<f64>>>()?))
}
