//! `hilum bench logging`: what logs cost an upload. The measurement step by step; what is shown of it is in `view`.

mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use self::view::{Outcome, Sink, Sinks};
use super::Place;
use super::contents::Contents;
use super::images::SITE;
use super::pipeline::PictureArgs;
use super::statistics::Latencies;
use super::temporary::{Temporary, TemporaryArgs, Variant, on_temporary_stacks};
use super::worker_metrics::metric_of;
use crate::error::Error;
use crate::output::Output;

/// What `--help` says.
pub(super) const ABOUT: &str = "\
What logs cost an upload, and what a log that nobody reads does; exit code 1 if more than promised

Starts three stacks of its own side by side (free ports, folders that are removed at the end): without logs, with logs \
into files as by default, and with logs into pipes that are full from the start and that nobody reads. First each has \
to read images: that the third one does is the proof that a blocked log blocks no work.

Then uploads are timed, from the start of POST /v1/jobs to its 202: --uploads to one stack, then to the next, in \
--rounds whose order changes, so that all three see the same machine. The workers are held still meanwhile; the images \
wait and go with the stacks.

Logs may cost 2 percent: the median of uploads with logs against that without, each the median of all rounds.";

#[derive(Debug, Args)]
pub(super) struct LoggingArgs {
    #[command(flatten)]
    pictures: PictureArgs,
    /// Rounds, each over all three stacks
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Uploads to each stack in a round
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..))]
    uploads: u16,
    /// What is logged where logs are on, as HILUM_LOG
    #[arg(long, value_name = "FILTER", default_value = "info")]
    level: String,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: LoggingArgs, place: Place) -> Result<ExitCode, Error> {
    let output = place.output;
    // Before stacks are started in vain.
    args.pictures.contents()?;
    let level = |level: &str| vec![("HILUM_LOG", level.to_owned())];
    let variants = [
        Variant { name: "off", environment: level("off"), has_blocked_logs: false },
        Variant { name: "on", environment: level(&args.level), has_blocked_logs: false },
        Variant { name: "blocked", environment: level(&args.level), has_blocked_logs: true },
    ];
    let stack = args.stack.with_patient_door();
    let measured = on_temporary_stacks(&stack, &variants, output, async |stacks| match stacks {
        [off, on, blocked] => Box::pin(measure(&args, [off, on, blocked], output)).await,
        _ => Err(Error::Unmeasured("there are not three stacks".to_owned())),
    });
    let outcome = Box::pin(measured).await?;
    outcome.show(output);
    place.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &LoggingArgs, stacks: [&Temporary; 3], output: Output) -> Result<Outcome, Error> {
    let mut contents = Vec::new();
    for stack in stacks {
        contents.push(stack.warm_up(args.pictures.contents()?, output).await?);
    }
    let held = stacks.map(Temporary::hold_workers);
    let rounds = usize::from(args.rounds);
    let bar = output.progress(rounds, "uploading");
    let mut took: [Vec<Vec<Duration>>; 3] = Default::default();
    for round in 0..rounds {
        for place in 0..stacks.len() {
            let index = (round + place) % stacks.len();
            took[index].push(uploads(stacks[index], &contents[index], args.uploads).await?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    drop(held);
    let mut sinks = Vec::new();
    for (rounds, stack) in took.into_iter().zip(stacks) {
        let dropped = metric_of(&stack.state, "ingest", "hilum_log_lines_dropped_total").await;
        sinks.push(sink(rounds, dropped)?);
    }
    let sinks: Sinks = sinks.try_into().map_err(|_| nothing())?;
    Ok(Outcome { sinks, level: args.level.clone(), kinds: contents[0].kinds() })
}

/// One after the other, each until its 202.
async fn uploads(stack: &Temporary, contents: &Contents, count: u16) -> Result<Vec<Duration>, Error> {
    let mut took = Vec::new();
    for _ in 0..count {
        let content = contents.next();
        let began = Instant::now();
        let tags = (SITE, content.study.as_str());
        stack.client.upload_content(content.pieces(), content.len(), tags).await?;
        took.push(began.elapsed());
    }
    Ok(took)
}

fn sink(rounds: Vec<Vec<Duration>>, dropped_lines: Option<u64>) -> Result<Sink, Error> {
    let medians = rounds.iter().filter_map(|round| Some(Latencies::of(round.clone())?.p50())).collect();
    let median_of_rounds = Latencies::of(medians).ok_or_else(nothing)?.p50();
    let uploads = Latencies::of(rounds.concat()).ok_or_else(nothing)?;
    Ok(Sink { uploads, median_of_rounds, dropped_lines })
}

fn nothing() -> Error {
    Error::Unmeasured("nothing was uploaded".to_owned())
}
