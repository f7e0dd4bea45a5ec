//! `hilum bench pipeline`: images per second and how long each takes, through the whole stack. The measurement step
//! by step; what is shown of it is in `view`.

mod duplicates;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_terminal::Output;

use self::duplicates::Duplicates;
use self::view::PipelineOutcome;
use super::contents::{Contents, Kind};
use super::ideal::{Ideal, IdealArgs};
use super::load::{LoadRecord, ReadImage, upload_patiently};
use super::processes::Use;
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use super::worker_metrics::{forward_passes, metric_of};
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
Images per second and the time from upload to reading through the whole stack, and how far that is from the ideal

Starts a stack of its own (free ports, a folder that is removed at the end) and sends it real images, all different: \
variants of the given files with other pixels and the same cost, so that no stored reading is ever made use of. A \
closed loop: each of --users sends an image, waits for its reading (GET /v1/jobs/{id}?wait=), and sends the next; or \
with --burst everything at once. Events, images and rows are as durable as in production. Two images make a \
study, which is reported a second after the last of them, so that reports are part of the load from the \
start.

Before the stack starts and after it has stopped, `hilum-model bench ideal` reads the same files in one process on \
the same cores, with nothing around it: the ratio is the pipeline's images per second to the mean of both.

Then, on the idle stack and beside the same load, the same bytes are sent again: how much sooner a duplicate is \
answered than a reading.

Servers, services and this program share one machine; run it on an idle one and with a release build.";

/// How often it is looked whether enough was read.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Nothing is read for so long: something is broken.
const STALL_LIMIT: Duration = Duration::from_secs(300);
/// Uploads at a time in a burst; the door takes 64.
const BURST_UPLOADS: usize = 48;

#[derive(Debug, Args)]
pub(super) struct PipelineArgs {
    #[command(flatten)]
    pub(super) pictures: PictureArgs,
    /// Images on their way at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    users: u16,
    /// Seconds that are measured
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measure until so many images are read, instead of for some seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    images_count: Option<u32>,
    /// Seconds under load before the measurement begins
    #[arg(long, value_name = "N", default_value_t = 3)]
    settle_s: u64,
    /// Upload --images-count images (by default 200) as fast as the door takes them, instead of in a closed loop
    #[arg(long)]
    burst: bool,
    /// Say where the processor's time went, by process and thread
    #[arg(long)]
    cores: bool,
    /// Images whose bytes are sent a second time; 0 for none
    #[arg(long, value_name = "N", default_value_t = 20)]
    duplicates: u16,
    #[command(flatten)]
    ideal: IdealArgs,
    #[command(flatten)]
    stack: TemporaryArgs,
}

/// Which pictures are sent.
#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// Where the images come from: a list in TOML or a folder; by default tests/data/demo.toml of the checkout
    #[arg(long, value_name = "PATH")]
    images: Option<PathBuf>,
    /// Only files of this kind; may be given more than once; by default all kinds in turn
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
}

impl PictureArgs {
    /// The files.
    pub(super) fn contents(&self) -> Result<Contents, Error> {
        Contents::of(self.images.as_deref(), &self.kind)
    }

    /// As [`Self::contents`]; without a choice only JPEG files, which cost little before the model.
    pub(super) fn cheap_contents(&self) -> Result<Contents, Error> {
        let kinds = if self.kind.is_empty() { &[Kind::Jpeg][..] } else { &self.kind };
        Contents::of(self.images.as_deref(), kinds)
    }
}

pub(super) async fn run(args: PipelineArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    let contents = args.pictures.contents()?;
    let ideal = Ideal::new(&args.ideal, &args.stack, &contents)?;
    let before = ideal.measure(output, "the ideal, before").await?;
    let stack = args.stack.reporting_soon();
    let measured = on_temporary_stack(&stack, output, async |stack: &Temporary| {
        Box::pin(Measurement { args: &args, stack, output }.measure(contents)).await
    });
    let mut outcome = Box::pin(measured).await?;
    let after = ideal.measure(output, "the ideal, after").await?;
    outcome.ideals = [before, after].into_iter().flatten().collect();
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(ExitCode::SUCCESS)
}

/// A load and what it cost.
pub(super) struct Measured {
    pub(super) read: Vec<ReadImage>,
    pub(super) full: u64,
    pub(super) wall: Duration,
    pub(super) used: Use,
    /// Pictures that went through the model.
    pub(super) forwards: Option<u64>,
    /// Reports that were issued.
    pub(super) reports: Option<u64>,
}

struct Measurement<'a> {
    args: &'a PipelineArgs,
    stack: &'a Temporary,
    output: Output,
}

impl Measurement<'_> {
    async fn measure(self, contents: Contents) -> Result<PipelineOutcome, Error> {
        let contents = self.stack.warm_up(contents, self.output).await?;
        let measured =
            if self.args.burst { self.burst(&contents).await? } else { self.closed_loop(&contents).await? };
        let rounds = usize::from(self.args.duplicates);
        let duplicates = match rounds {
            0 => None,
            _ => {
                Some(Duplicates::measure(self.stack, &contents, rounds, usize::from(self.args.users)).await?)
            }
        };
        // Only now is the largest memory known.
        let memory = self.stack.snapshot().since(&self.stack.snapshot()).processes;
        Ok(PipelineOutcome {
            users: (!self.args.burst).then_some(self.args.users),
            kinds: contents.kinds(),
            files: contents.templates(),
            untrained: self.stack.state.untrained,
            cores: self.args.cores,
            measured,
            duplicates,
            memory,
            ideals: Vec::new(),
        })
    }

    async fn closed_loop(&self, contents: &Contents) -> Result<Measured, Error> {
        let (seen, client) = (LoadRecord::default(), &self.stack.client);
        let users = usize::from(self.args.users);
        let settle = Duration::from_secs(self.args.settle_s);
        let (_, window) =
            tokio::try_join!(seen.closed_loop(client, contents, users), self.window(&seen, settle))?;
        let (from, to) = (window.began, window.began + window.wall);
        let full = window.full;
        let within = |image: &ReadImage| (from..to).contains(&(image.began + image.total));
        let read = seen.into_read().into_iter().filter(within).collect();
        let Counts { forwards, reports } = window.counts;
        Ok(Measured { read, full, wall: window.wall, used: window.used, forwards, reports })
    }

    /// Waits until the load has settled, then until enough was read; then nothing more is sent.
    async fn window(&self, seen: &LoadRecord, settle: Duration) -> Result<Window, Error> {
        let length = Duration::from_secs(self.args.seconds);
        tokio::time::sleep(settle).await;
        let (first, full) = (seen.done(), seen.full());
        let counts = Counts::of(self.stack).await;
        let before = self.stack.snapshot();
        let began = Instant::now();
        match self.args.images_count {
            None => tokio::time::sleep(length).await,
            Some(count) => until_read(seen, first + count as usize).await?,
        }
        let wall = began.elapsed();
        let used = self.stack.snapshot().since(&before);
        let counts = Counts::of(self.stack).await.since(&counts);
        let full = seen.full() - full;
        seen.stop();
        Ok(Window { began, wall, used, full, counts })
    }

    async fn burst(&self, contents: &Contents) -> Result<Measured, Error> {
        let count = self.args.images_count.unwrap_or(200) as usize;
        let bar = self.output.progress(count, "burst");
        let counts = Counts::of(self.stack).await;
        let before = self.stack.snapshot();
        let began = Instant::now();
        let (seen, client) = (LoadRecord::default(), &self.stack.client);
        let door = tokio::sync::Semaphore::new(BURST_UPLOADS);
        let sent = (0..count).map(|_| async {
            let place = door.acquire().await;
            let accepted = upload_patiently(client, &contents.next()).await?;
            drop(place);
            let outcome = accepted.follow(client).await?;
            bar.inc(1);
            seen.note(outcome).await
        });
        stream::iter(sent).buffer_unordered(count).try_collect::<Vec<_>>().await?;
        let wall = began.elapsed();
        let used = self.stack.snapshot().since(&before);
        bar.finish_and_clear();
        let Counts { forwards, reports } = Counts::of(self.stack).await.since(&counts);
        let full = seen.full();
        Ok(Measured { read: seen.into_read(), full, wall, used, forwards, reports })
    }
}

struct Window {
    began: Instant,
    wall: Duration,
    used: Use,
    full: u64,
    counts: Counts,
}

/// What the services have done so far, as they tell.
struct Counts {
    forwards: Option<u64>,
    reports: Option<u64>,
}

impl Counts {
    async fn of(stack: &Temporary) -> Self {
        let reports = metric_of(&stack.state, "report", "hilum_reports_total").await;
        Self { forwards: forward_passes(&stack.state).await, reports }
    }

    fn since(&self, before: &Self) -> Self {
        let difference = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            forwards: difference(self.forwards, before.forwards),
            reports: difference(self.reports, before.reports),
        }
    }
}

async fn until_read(seen: &LoadRecord, count: usize) -> Result<(), Error> {
    let (mut done, mut news) = (seen.done(), Instant::now());
    while done < count {
        tokio::time::sleep(LOOK_EVERY).await;
        if seen.done() > done {
            (done, news) = (seen.done(), Instant::now());
        }
        if news.elapsed() > STALL_LIMIT {
            return Err(Error::Unmeasured(format!("nothing was read for {} s", STALL_LIMIT.as_secs())));
        }
    }
    Ok(())
}
