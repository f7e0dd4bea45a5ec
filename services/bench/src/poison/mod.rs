//! `hilum bench poison`: whether good images suffer from messages that fail again and again. The measurement
//! step by step; what is shown of it is in `view`.

mod messages;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hilum_servers::wait_until;
use hilum_terminal::Output;

use self::messages::Poison;
use self::view::PoisonOutcome;
use super::contents::{Contents, Kind};
use super::images::Sender;
use super::statistics::Latencies;
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use super::worker_metrics::forward_passes;
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
Good images beside 10,000 messages that fail again and again; exit code 1 if these slow them too much

Starts a stack of its own (free ports, a folder that is removed at the end) and measures, always from the start of \
an upload until GET /v1/jobs/{id}?wait= says COMPLETED:
  1. unloaded: good images, one every --gap-ms, nothing else to do;
  2. all at once: as many good images in an empty queue;
  3. all at once behind --poisoned messages that no worker has seen yet; the workers are held until the queue is \
full, and the time counts from when they go on. Fresh messages are taken in turn, so these images wait \
until all before them have failed once;
  4. while they cycle: good images, one every --gap-ms, from when every poisoned message has failed at least once \
for --cycling-s, or until none of them is tried again; in rounds of --images.
The promise is about 4 against 1: its p95 is at most 3 times as long. 2 and 3 are told and not judged.

All good images are different ones: variants of the PNG files among the samples with other pixels and the same cost, so \
that each has to be read. A poisoned message is a request for a reading of an image that storage can't hand out: a real failure that the workers try \
again and again, with ever longer waits, before they park it as a dead letter minutes later. All images have \
routine priority.

Not measured: failures that take long before they show (one that hangs for a minute holds a place in hand \
for that long), images that end the worker, and more than one machine. Good and poisoned work, servers and this \
program share one machine; run it on an idle one and with a release build, or the numbers say more about what else \
runs.";

/// The consumer that good and poisoned requests share.
const CONSUMER: &str = "infer-routine";
/// What a queue may take to fill, or to be gone through once.
const QUEUE_LIMIT: Duration = Duration::from_secs(1800);

#[derive(Debug, Args)]
pub(super) struct PoisonArgs {
    /// Messages that fail
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    poisoned: u32,
    /// Good images per measurement
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    images: u16,
    /// Milliseconds between two good images that are sent steadily
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
    gap_ms: u64,
    /// Seconds for which good images are sent beside the cycling ones, up to the end of a round
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    cycling_s: u64,
    /// Where the good images come from: a list in TOML or a folder; by default tests/data/demo.toml of the checkout
    #[arg(long, value_name = "PATH")]
    samples: Option<PathBuf>,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: PoisonArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    // Before a stack is started in vain.
    let contents = Contents::of(args.samples.as_deref(), &[Kind::Png])?;
    // Reports are written beside all measurements, not only beside the last ones.
    let stack = args.stack.reporting_soon().with_patient_door();
    let measured = on_temporary_stack(&stack, output, async |stack: &Temporary| {
        let contents = stack.warm_up(contents, output).await?;
        Box::pin(Measurement { args: &args, stack, contents, output }.measure()).await
    });
    let outcome = Box::pin(measured).await?;
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Measurement<'a> {
    args: &'a PoisonArgs,
    stack: &'a Temporary,
    contents: Contents,
    output: Output,
}

/// Good images sent at once, perhaps behind poisoned messages.
struct Burst {
    latencies: Latencies,
    first_pass: Duration,
}

impl Measurement<'_> {
    async fn measure(self) -> Result<PoisonOutcome, Error> {
        let forwards = forward_passes(&self.stack.state).await;
        let unloaded = self.steadily("unloaded").await?;
        let alone = self.burst(&mut Poison::none()).await?.latencies;
        let mut poison = Poison::none();
        let behind = self.burst_behind(&mut poison).await?;
        let (cycling, storm) = self.while_they_cycle(&poison).await?;
        let all_forwards = forward_passes(&self.stack.state).await;
        Ok(PoisonOutcome {
            poisoned: self.args.poisoned,
            gap: self.gap(),
            untrained: self.stack.state.untrained,
            append: poison.append_took,
            first_pass: behind.first_pass,
            unloaded,
            cycling,
            alone,
            behind: behind.latencies,
            storm,
            forwards: all_forwards.zip(forwards).map(|(after, before)| after.saturating_sub(before)),
        })
    }

    async fn steadily(&self, what: &'static str) -> Result<Latencies, Error> {
        let bar = self.output.progress(self.images(), what);
        let latencies = self.sender().send_steadily(self.images(), self.gap(), &bar).await;
        bar.finish_and_clear();
        latencies
    }

    /// Rounds of good images until nothing is tried again, and how long that was. A round that ends when all are
    /// parked does not count: some of its images met nothing that failed. `None` when no round counts.
    async fn while_they_cycle(&self, poison: &Poison) -> Result<(Option<Latencies>, Duration), Error> {
        let began = Instant::now();
        let mut all: Option<Latencies> = None;
        loop {
            let latencies = self.steadily("poisoned").await?;
            let over = began.elapsed() >= Duration::from_secs(self.args.cycling_s);
            if poison.cycling_share(self.stack).await? == 0.0 {
                break;
            }
            all = Some(match all {
                Some(before) => before.and(latencies),
                None => latencies,
            });
            if over {
                break;
            }
        }
        Ok((all, began.elapsed()))
    }

    async fn burst_behind(&self, poison: &mut Poison) -> Result<Burst, Error> {
        poison.wanted = self.args.poisoned;
        self.burst(poison).await
    }

    /// Fills the queue while the workers are held, the poisoned messages first; then lets them go.
    async fn burst(&self, poison: &mut Poison) -> Result<Burst, Error> {
        let (stack, sender) = (self.stack, self.sender());
        self.until_queue(|queued| queued == 0, "the queue did not empty").await?;
        let held = stack.hold_workers();
        poison.append(stack, self.output).await?;
        let sent = sender.send_at_once(self.images()).await?;
        let all = u64::from(poison.wanted) + sent.len() as u64;
        self.until_queue(|queued| queued >= all, "the queue did not fill").await?;
        let began = Instant::now();
        drop(held);
        let bar = self.output.progress(sent.len(), "at once");
        let (latencies, first_pass) =
            tokio::try_join!(sender.all_read(sent, began, &bar), self.first_pass(poison, began))?;
        bar.finish_and_clear();
        Ok(Burst { latencies, first_pass })
    }

    /// Waits until every poisoned message has left the queue of fresh ones: it failed, and its retry is written.
    async fn first_pass(&self, poison: &Poison, began: Instant) -> Result<Duration, Error> {
        let deadline = Instant::now() + QUEUE_LIMIT;
        while Instant::now() < deadline {
            let positions = self.stack.log.consumer_positions().await;
            let positions = positions.map_err(self.stack.unavailable())?;
            let mut lanes = positions.iter().filter(|it| it.consumer == CONSUMER);
            if lanes.all(|lane| lane.waiting + lane.in_hand == 0 || lane.ack_floor_seq >= poison.last_seq()) {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::Unmeasured("the poisoned messages were not gone through".to_owned()))
    }

    async fn until_queue(&self, fits: impl Fn(u64) -> bool, otherwise: &str) -> Result<(), Error> {
        let fits = &fits;
        let reached = wait_until(QUEUE_LIMIT, || async move {
            let Ok(depths) = self.stack.log.queue_depths().await else { return false };
            let of_all_sites = depths.iter().filter(|depth| depth.consumer == CONSUMER);
            fits(of_all_sites.map(|depth| depth.waiting + depth.in_hand).sum())
        });
        if reached.await { Ok(()) } else { Err(Error::Unmeasured(otherwise.to_owned())) }
    }

    fn sender(&self) -> Sender<'_> {
        Sender { client: &self.stack.client, contents: &self.contents }
    }

    fn images(&self) -> usize {
        usize::from(self.args.images)
    }

    fn gap(&self) -> Duration {
        Duration::from_millis(self.args.gap_ms)
    }
}
