//! `bench preprocess`: what it costs to bring a file to the numbers that a model takes, stage by stage and file by file,
//! and what it costs that this happens in processes of its own.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hilum_events::MediaType;
use hilum_imaging::bench::{File, FileCost, Isolation, StageCost, isolation};
use hilum_imaging::{DecodeError, DecoderConfig, DecoderPool, Preparation};
use serde::Serialize;

use super::ResultWriter;

/// Where the sample images lie in a checkout.
const SAMPLES: &str = "tests/data/images";

#[derive(Debug, Args)]
pub(super) struct PreprocessArgs {
    /// Folder of images; by default the sample images of the checkout
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// How often each file is read; the first times also warm up
    #[arg(long, value_name = "N", default_value = "30")]
    repeats: NonZeroUsize,
    /// Smaller pictures are left out: width or height, pixels
    #[arg(long, value_name = "PX", default_value_t = 256)]
    min_side: u32,
    /// Processes, and threads of the comparison without them
    #[arg(long, value_name = "N", env = "HILUM_CORES", default_value_t = crate::all_cores())]
    cores: NonZeroUsize,
}

/// Smallest and median of the repetitions: processor time, milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Times {
    min_ms: f64,
    median_ms: f64,
}

#[derive(Debug, Serialize)]
struct Line {
    file: String,
    kind: String,
    width: u32,
    height: u32,
    bits: u8,
    file_bytes: usize,
    decode: Times,
    digest: Times,
    preprocess: Times,
    total: Times,
}

#[derive(Debug, Serialize)]
struct PreprocessOutcome {
    benchmark: &'static str,
    preparation: String,
    repeats: usize,
    cores: usize,
    files: Vec<Line>,
    /// Files that gave no picture.
    refused: usize,
    isolation: Isolation,
}

pub(super) fn run(args: &PreprocessArgs, writer: &ResultWriter, out: &mut dyn Write) -> anyhow::Result<()> {
    let folder = match &args.images {
        Some(folder) => folder.clone(),
        None => samples_of_checkout()
            .with_context(|| format!("{SAMPLES} is not here; name a folder of images with --images"))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(measure(args, &folder))?;
    writer.show(&outcome, out, show)
}

async fn measure(args: &PreprocessArgs, folder: &Path) -> anyhow::Result<PreprocessOutcome> {
    let mut config = DecoderConfig::sibling()?;
    config.size = args.cores.get();
    // All repetitions of one file together take as long as one file may.
    config.time_limit *= u32::try_from(args.repeats.get())?;
    let (pool, preparation) = (DecoderPool::new(config.clone()), Preparation::default());
    let (mut lines, mut read, mut refused) = (Vec::new(), Vec::new(), 0);
    for path in files_in(folder)? {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let Some(media) = MediaType::recognise(&bytes) else { continue };
        let cost = match pool.measure(media, &bytes, &preparation, u32::try_from(args.repeats.get())?).await {
            Ok(cost) => cost,
            Err(error @ DecodeError::Unavailable { .. }) => return Err(error.into()),
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        if cost.width.min(cost.height) < args.min_side {
            continue;
        }
        let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        lines.push(line(file, kind(&pool, media, &bytes).await, bytes.len(), &cost));
        read.push(File { media, bytes });
    }
    anyhow::ensure!(!read.is_empty(), "{} holds no picture that is large enough", folder.display());
    let rounds = NonZeroUsize::new(5).unwrap_or(NonZeroUsize::MIN);
    let isolation = isolation(&config, read.into(), preparation, rounds).await?;
    let (repeats, cores) = (args.repeats.get(), args.cores.get());
    let benchmark = "preprocess";
    Ok(PreprocessOutcome {
        benchmark,
        preparation: preparation.id(),
        repeats,
        cores,
        files: lines,
        refused,
        isolation,
    })
}

fn line(file: String, kind: String, file_bytes: usize, cost: &FileCost) -> Line {
    let times = |stage: fn(&StageCost) -> f64| {
        let (min_ms, median_ms) = cost.min_and_median(stage);
        Times { min_ms, median_ms }
    };
    Line {
        file,
        kind,
        width: cost.width,
        height: cost.height,
        bits: cost.source_bits,
        file_bytes,
        decode: times(|run| run.decode_ms),
        digest: times(|run| run.digest_ms),
        preprocess: times(|run| run.preprocess_ms),
        total: times(StageCost::total_ms),
    }
}

/// The kind of file, and of a DICOM object its compression.
async fn kind(pool: &DecoderPool, media: MediaType, bytes: &[u8]) -> String {
    match media {
        MediaType::Png => "PNG".into(),
        MediaType::Jpeg => "JPEG".into(),
        MediaType::Dicom => match pool.inspect(bytes).await {
            Ok(inspected) => format!("DICOM {}", compression(&inspected.identity.transfer_syntax_uid)),
            Err(_) => "DICOM".into(),
        },
    }
}

/// PS3.5, annex A.
fn compression(transfer_syntax_uid: &str) -> &str {
    match transfer_syntax_uid.strip_prefix("1.2.840.10008.1.2") {
        Some("" | ".1" | ".2") => "uncompressed",
        Some(".1.99") => "deflated",
        Some(".4.50" | ".4.51") => "JPEG",
        Some(".4.57" | ".4.70") => "JPEG lossless",
        Some(".4.80" | ".4.81") => "JPEG-LS",
        Some(".4.90" | ".4.91") => "JPEG 2000",
        Some(".5") => "RLE",
        _ => transfer_syntax_uid,
    }
}

/// In the current folder or one above, else above this program, which lies in `target/release`.
fn samples_of_checkout() -> Option<PathBuf> {
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|above| above.join(SAMPLES))
        .find(|it| it.is_dir())
}

/// All files below `folder`, by name.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_in(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

fn show(outcome: &PreprocessOutcome, out: &mut dyn Write) -> anyhow::Result<()> {
    let PreprocessOutcome { preparation, repeats, cores, files, refused, isolation, .. } = outcome;
    let width = files.iter().map(|line| line.file.len()).max().unwrap_or(0);
    let heads = ["decode", "digest", "preprocess", "total"];
    write!(out, "{:width$}  {:19}  {:>13}  {:>4}  {:>8}", "file", "kind", "size", "bits", "KiB")?;
    heads.iter().try_for_each(|head| write!(out, "  {head:>15}"))?;
    writeln!(out)?;
    for line in files {
        let size = format!("{} x {}", line.width, line.height);
        let (file, kind, kib) = (&line.file, &line.kind, line.file_bytes / 1024);
        write!(out, "{file:width$}  {kind:19}  {size:>13}  {:>4}  {kib:>8}", line.bits)?;
        for Times { min_ms, median_ms } in [line.decode, line.digest, line.preprocess, line.total] {
            write!(out, "  {min_ms:>6.2} ({median_ms:>6.2})")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nmilliseconds of processor time, smallest (median) of {repeats}; {preparation}")?;
    if *refused > 0 {
        writeln!(out, "{refused} other files give no picture")?;
    }
    let Isolation { here_ms, pool_ms, wall_ratio, here_cpu_ms, pool_cpu_ms, cpu_ratio } = isolation;
    writeln!(
        out,
        "in processes of their own, {cores} at a time: {pool_ms:.3} ms per image, without {here_ms:.3} ms: {}",
        percent(*wall_ratio)
    )?;
    writeln!(
        out,
        "in processor time, one at a time: {pool_cpu_ms:.3} ms per image, without {here_cpu_ms:.3} ms: {}",
        percent(*cpu_ratio)
    )?;
    Ok(())
}

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", 100.0 * (ratio - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressions_have_names_and_unknown_ones_their_number() {
        assert_eq!(compression("1.2.840.10008.1.2"), "uncompressed");
        assert_eq!(compression("1.2.840.10008.1.2.4.90"), "JPEG 2000");
        assert_eq!(compression("1.2.840.10008.1.2.4.999"), "1.2.840.10008.1.2.4.999");
        assert_eq!(compression("1.2.3"), "1.2.3");
    }

    #[test]
    fn the_samples_of_the_checkout_are_found() {
        let files = files_in(&samples_of_checkout().unwrap()).unwrap();
        assert!(files.iter().any(|file| file.ends_with("mhh_1479fa94.png")));
    }
}
