//! `hilum bench fairness`: what an image waits beside the flood of another site or priority. The measurement step by
//! step; what is shown of it is in `view`, how long images wait before they have a place in a queue in `claims`.

mod claims;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_events::Priority;
use hilum_servers::wait_until;
use hilum_terminal::Output;

use self::claims::claims_since;
use self::view::FairnessOutcome;
use super::contents::Contents;
use super::load::upload_as;
use super::pipeline::PictureArgs;
use super::simulated::SimulatedArgs;
use super::statistics::Latencies;
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
What an image waits beside the flood of another site or priority; exit code 1 if more than promised

Starts a stack of its own (free ports, a folder that is removed at the end). The readings are simulated: each takes \
--reading-ms and no core, one after the other, so that what is seen is who waits for whom, on a machine of any size. It \
measures, always from the start of an upload until GET /v1/jobs/{id}?wait= says COMPLETED:
  1. idle: images of the site calm, one after the other, nothing else to do; urgent ones and routine ones;
  2. beside a flood: the site flood sends --flood routine images at once. When its readings are under way, calm sends \
urgent ones, then routine ones, again one after the other.
Promised: an urgent image waits for at most one batch, which is one image here, longer than when nothing else is to do. \
A routine one of calm has its share, half of the readings: it takes at most twice as long as when nothing else is to do, \
and one batch. Judged is the longest of each; the flood must last until the end.

Told and not judged: how long images wait between the fact that they are stored and the request for their reading. All \
sites share that way; it is to be so short that no flood is felt there.";

const FLOOD: &str = "flood";
const CALM: &str = "calm";
const CONSUMER: &str = "infer-routine";
/// Uploads at a time of the flood.
const UPLOADS_AT_ONCE: usize = 16;
/// What a flood may take to reach the workers.
const FLOOD_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(super) struct FairnessArgs {
    /// Routine images that the site flood sends at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    flood: u32,
    /// Images that the site calm sends in each part, one after the other
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    singles: u16,
    #[command(flatten)]
    simulated: SimulatedArgs,
    #[command(flatten)]
    pictures: PictureArgs,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: FairnessArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    // Before a stack is started in vain.
    let contents = args.pictures.cheap_contents()?;
    let stack = args.stack.with_patient_door().with_environment(args.simulated.environment(1));
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
    args: &'a FairnessArgs,
    stack: &'a Temporary,
    contents: Contents,
    output: Output,
}

impl Measurement<'_> {
    async fn measure(self) -> Result<FairnessOutcome, Error> {
        let idle_urgent = self.one_by_one("idle, urgent", Priority::Stat).await?;
        let idle_routine = self.one_by_one("idle, routine", Priority::Routine).await?;
        let position = self.stack.log.position().await.map_err(self.stack.unavailable())?;
        self.send_flood().await?;
        let urgent = self.one_by_one("beside a flood, urgent", Priority::Stat).await?;
        let routine = self.one_by_one("beside a flood, routine", Priority::Routine).await?;
        let left_of_flood = self.left_of_flood().await?;
        Ok(FairnessOutcome {
            batch: self.args.simulated.reading(),
            flood: self.args.flood,
            left_of_flood,
            idle_urgent,
            idle_routine,
            urgent,
            routine,
            claims: claims_since(self.stack, position.last_seq).await?,
        })
    }

    /// Each from its upload to its reading.
    async fn one_by_one(&self, what: &'static str, priority: Priority) -> Result<Latencies, Error> {
        let bar = self.output.progress(usize::from(self.args.singles), what);
        let mut took = Vec::new();
        for number in 0..self.args.singles {
            let study = format!("{CALM}-{}-{number}", what.len());
            let client = &self.stack.client;
            let accepted = upload_as(client, &self.contents.next(), (CALM, &study), priority).await?;
            took.push(accepted.follow(client).await?.image()?.total);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Latencies::of(took).ok_or_else(|| Error::Unmeasured("no image was sent".to_owned()))
    }

    /// Until all are taken in, and one is read while others wait.
    async fn send_flood(&self) -> Result<(), Error> {
        let bar = self.output.progress(self.args.flood as usize, "flooding");
        let uploads = (0..self.args.flood).map(|_| async {
            let (client, content) = (&self.stack.client, self.contents.next());
            upload_as(client, &content, (FLOOD, &content.study), Priority::Routine).await?;
            bar.inc(1);
            Ok::<_, Error>(())
        });
        stream::iter(uploads).buffer_unordered(UPLOADS_AT_ONCE).try_collect::<Vec<()>>().await?;
        bar.finish_and_clear();
        let is_read = async || {
            let Ok(depths) = self.stack.log.queue_depths().await else { return false };
            let flooded = depths.iter().filter(|depth| is_routine(depth));
            flooded.map(|depth| depth.in_hand).sum::<u64>() > 1
        };
        match wait_until(FLOOD_LIMIT, is_read).await {
            true => Ok(()),
            false => Err(Error::Unmeasured("the flood did not reach the workers".to_owned())),
        }
    }

    /// Images of the flood that are not read yet.
    async fn left_of_flood(&self) -> Result<u64, Error> {
        let depths = self.stack.log.queue_depths().await.map_err(self.stack.unavailable())?;
        // Of calm none is left: each of its images was waited for.
        Ok(depths.iter().filter(|depth| is_routine(depth)).map(|depth| depth.waiting + depth.in_hand).sum())
    }
}

fn is_routine(depth: &hilum_log::QueueDepth) -> bool {
    depth.consumer == CONSUMER
}
