//! How `bench engine` shows what it measured to people.

use std::io::Write;

use super::comparison::Comparison;
use super::engine_outcome::{EngineOutcome, Measured, Trial};

/// The name of its row.
const PYTORCH: &str = "PyTorch eager fp32 cpu";

/// One row for each engine, and what there is to say of all.
pub(super) fn show(outcome: &EngineOutcome, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "ms per image on {} cores, all replicas at work", outcome.cores)?;
    write!(out, "{:<22} {:>9} {:>8}", "engine", "replicas", "alone")?;
    for batch in &outcome.batches {
        write!(out, " {:>8}", format!("batch {batch}"))?;
    }
    writeln!(out, " {:>9} {:>7} {:>6} {:>8}", "images/s", "TFLOP/s", "share", "logits")?;
    for row in &outcome.engines {
        write!(out, "{:<22} ", row.name())?;
        match &row.result {
            Trial::NotRun { reason } => writeln!(out, "not run: {reason}")?,
            Trial::Measured(measured) => write_measured(measured, out)?,
        }
    }
    if let Some(pytorch) = &outcome.pytorch {
        write_pytorch(pytorch, outcome, out)?;
    }
    writeln!(
        out,
        "TFLOP/s is the machine's own, in a large matrix product; share is the engine's part of it."
    )?;
    writeln!(out, "logits is the largest difference from the golden cases.")?;
    if let Some(pytorch) = &outcome.pytorch {
        write_comparison(pytorch, out)?;
    }
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

fn write_pytorch(pytorch: &Comparison, outcome: &EngineOutcome, out: &mut dyn Write) -> std::io::Result<()> {
    let [single, _] = pytorch.fastest_ms_per_image;
    write!(out, "{PYTORCH:<22} {:>9} {single:>8.1}", format!("1 × {}", pytorch.threads))?;
    for batch in &outcome.batches {
        let index = pytorch.batches.iter().position(|measured| measured == batch);
        let ms = index.map_or("-".to_owned(), |index| format!("{:.1}", pytorch.fastest_ms_per_image[index]));
        write!(out, " {ms:>8}")?;
    }
    let best_ms = pytorch.fastest_ms_per_image.into_iter().fold(f64::INFINITY, f64::min);
    let logits = format!("{:.0e}", pytorch.largest_logit_difference);
    writeln!(out, " {:>9.1} {:>7} {:>6} {logits:>8}", 1000.0 / best_ms, "-", "-")
}

fn write_comparison(pytorch: &Comparison, out: &mut dyn Write) -> std::io::Result<()> {
    let Comparison { version, passes, median_ms_per_image: [single, eight], .. } = pytorch;
    writeln!(
        out,
        "PyTorch is {version}; its medians of {passes} passes, before and after the engines, are {single:.1} ms per image \
         at batch 1 and {eight:.1} at batch 8. Its logits are held against those of libtorch here."
    )?;
    let Some(best) = &pytorch.best else {
        return writeln!(out, "No engine proved itself, so none is held against PyTorch.");
    };
    writeln!(
        out,
        "best engine {:.1} times PyTorch eager at batch 1: {} takes {:.1} ms per image (median), all replicas at work",
        best.times_pytorch_at_batch_1, best.engine, best.median_ms_at_batch_1
    )
}
