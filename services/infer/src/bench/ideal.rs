//! `bench ideal`: the same work as the service's (decode, preprocess, forward), of the same files, with the same engine
//! on the same cores, and nothing else: no upload, no event, no storage, no database, no isolation of the decoders.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use hilum_events::{MediaType, Priority, Site};
use hilum_imaging::bench::prepare_here;
use hilum_imaging::{DecodeError, Preparation, Prepared, Refusal};
use hilum_models::{ModelFolder, demo::write_demo};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::ResultWriter;
use crate::choice::chosen::Chosen;
use crate::choice::options::EngineOptions;
use crate::choice::select::choose;
use crate::model_input::preparation;
use crate::queue::batcher::BatchSettings;
use crate::queue::worker::ModelWorker;

/// Before the measurement, under the same load.
const SETTLE: Duration = Duration::from_secs(2);
/// Of one file, to tell what its stages cost by themselves: the smallest counts.
const REPEATS: usize = 3;

#[derive(Debug, Args)]
pub(super) struct IdealArgs {
    /// Folder of images; those that can't be read are left out
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Folder of the model; by default the demonstration model is made
    #[arg(long, value_name = "DIR", env = "HILUM_MODEL")]
    model: Option<PathBuf>,
    /// Seconds that are measured
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    engine: EngineOptions,
}

/// A file of the folder.
struct Picture {
    media: MediaType,
    bytes: Vec<u8>,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct IdealOutcome {
    benchmark: &'static str,
    /// Those that can be read.
    files: usize,
    images: u64,
    seconds: f64,
    images_per_s: f64,
    /// One image alone on one thread, mean of the files.
    decode_and_preprocess_ms: f64,
    /// One image in a full batch, on as many cores as one replica has threads, as if they were one core.
    forward_ms: f64,
    engine: String,
    cores: usize,
    replicas: usize,
    max_batch: usize,
}

pub(super) fn run(args: &IdealArgs, writer: &ResultWriter, out: &mut dyn Write) -> anyhow::Result<()> {
    args.engine.use_libraries();
    let pictures = pictures_in(&args.images)?;
    let made = tempfile::tempdir()?;
    let folder = match &args.model {
        Some(folder) => ModelFolder::open(folder)?,
        None => write_demo(&made.path().join("model"))?,
    };
    let preparation = preparation(folder.manifest())?;
    let (pictures, alone_ms) = alone(pictures, &preparation)?;
    let chosen = choose(&folder, &args.engine.wanted())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let seconds = Duration::from_secs(args.seconds.max(1));
    let cores = args.engine.cores.get();
    let mut outcome = describe(&chosen, cores);
    (outcome.files, outcome.decode_and_preprocess_ms) = (pictures.len(), alone_ms);
    let (images, took) = runtime.block_on(load(chosen, pictures, preparation, cores, seconds))?;
    (outcome.images, outcome.seconds) = (images, took.as_secs_f64());
    outcome.images_per_s = images as f64 / took.as_secs_f64();
    writer.show(&outcome, out, show)
}

fn describe(chosen: &Chosen, cores: usize) -> IdealOutcome {
    let engine = chosen.engines.first().map(|engine| engine.description());
    let per_image = chosen.pass.as_secs_f64() * 1000.0 / chosen.max_batch.get() as f64;
    IdealOutcome {
        benchmark: "ideal",
        files: 0,
        images: 0,
        seconds: 0.0,
        images_per_s: 0.0,
        decode_and_preprocess_ms: 0.0,
        forward_ms: per_image * chosen.settings.threads.get() as f64,
        engine: engine
            .map_or_else(String::new, |it| format!("{} {} on {}", it.engine, it.precision, it.device)),
        cores,
        replicas: chosen.engines.len(),
        max_batch: chosen.max_batch.get(),
    }
}

/// Reads the files in turn, over and over: as many are decoded at a time as there are cores, and so many are on their
/// way that every engine has its next batch. The count and how long it took.
async fn load(
    chosen: Chosen,
    pictures: Vec<Picture>,
    preparation: Preparation,
    cores: usize,
    length: Duration,
) -> anyhow::Result<(u64, Duration)> {
    let on_their_way = 2 * (chosen.max_batch.get() * chosen.engines.len() + cores);
    let settings =
        BatchSettings { max_batch: chosen.max_batch, max_wait: chosen.pass, ..BatchSettings::default() };
    let shared = Arc::new(Shared {
        worker: ModelWorker::start(chosen.engines, settings)?,
        pictures,
        preparation,
        cores: Semaphore::new(cores),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..on_their_way {
        readers.spawn(Shared::read_on(Arc::clone(&shared)));
    }
    tokio::time::sleep(SETTLE).await;
    let (began, before) = (Instant::now(), shared.done.load(Ordering::Relaxed));
    tokio::time::sleep(length).await;
    let measured = (shared.done.load(Ordering::Relaxed) - before, began.elapsed());
    shared.is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = readers.join_next().await {
        ended??;
    }
    // Its threads now wait for ever: ending them while the process ends is a race within the engine's library.
    std::mem::forget(shared);
    Ok(measured)
}

struct Shared {
    worker: ModelWorker,
    pictures: Vec<Picture>,
    preparation: Preparation,
    cores: Semaphore,
    next: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
}

impl Shared {
    /// One image after the other, until it is over.
    async fn read_on(self: Arc<Self>) -> anyhow::Result<()> {
        while !self.is_over.load(Ordering::Relaxed) {
            let announced = self.worker.announce(Priority::Routine, &Site::default());
            let core = self.cores.acquire().await?;
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let shared = Arc::clone(&self);
            let prepared = tokio::task::spawn_blocking(move || shared.prepare(number)).await?;
            drop(core);
            announced.submit(prepared.map_err(refused)?.input.values).await?;
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn prepare(&self, number: u64) -> Result<Prepared, Refusal> {
        let Picture { media, bytes } = &self.pictures[(number % self.pictures.len() as u64) as usize];
        prepare_here(*media, bytes, &self.preparation)
    }
}

/// The files that can be read, and how long one of them takes alone on one core: the mean, in milliseconds.
fn alone(pictures: Vec<Picture>, preparation: &Preparation) -> anyhow::Result<(Vec<Picture>, f64)> {
    let (mut readable, mut sum) = (Vec::new(), Duration::ZERO);
    for picture in pictures {
        let mut least = Duration::MAX;
        for _ in 0..REPEATS {
            let began = Instant::now();
            if std::hint::black_box(prepare_here(picture.media, &picture.bytes, preparation)).is_ok() {
                least = least.min(began.elapsed());
            }
        }
        if least < Duration::MAX {
            sum += least;
            readable.push(picture);
        }
    }
    anyhow::ensure!(!readable.is_empty(), "none of the images can be read");
    let mean_ms = sum.as_secs_f64() * 1000.0 / readable.len() as f64;
    Ok((readable, mean_ms))
}

fn refused(refusal: Refusal) -> anyhow::Error {
    DecodeError::Refused(refusal).into()
}

fn pictures_in(folder: &Path) -> anyhow::Result<Vec<Picture>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let mut pictures = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let media = MediaType::recognise(&bytes);
        let media = media.with_context(|| format!("{} is no PNG, JPEG or DICOM", file.display()))?;
        pictures.push(Picture { media, bytes });
    }
    anyhow::ensure!(!pictures.is_empty(), "there is no image in {}", folder.display());
    Ok(pictures)
}

fn show(outcome: &IdealOutcome, out: &mut dyn Write) -> anyhow::Result<()> {
    let IdealOutcome { images_per_s, decode_and_preprocess_ms, forward_ms, engine, cores, .. } = outcome;
    writeln!(out, "{images_per_s:.1} images/s with {engine} on {cores} cores")?;
    writeln!(
        out,
        "one image by itself: decode and preprocess {decode_and_preprocess_ms:.2} ms, forward {forward_ms:.2} ms"
    )?;
    Ok(())
}
