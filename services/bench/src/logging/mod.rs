//! `hilum bench logging`: what logs cost an upload. The measurement step by step; what is shown of it is in `view`.

mod ratios;
mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hilum_terminal::Output;

use self::ratios::Ratios;
use self::view::{LoggingOutcome, Sink, Sinks};
use super::contents::Contents;
use super::load::SITE;
use super::pipeline::PictureArgs;
use super::statistics::Latencies;
use super::temporary::{Temporary, TemporaryArgs, Variant, on_temporary_stacks};
use super::worker_metrics::metric_of;
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
What logs cost an upload, and what a log that nobody reads does; exit code 1 if more than promised

Starts three stacks of its own side by side (free ports, folders that are removed at the end): without logs, with logs \
into files as by default, and with logs into pipes that are full from the start and that nobody reads. First each has \
to read images: that the third one does is the proof that a blocked log blocks no work.

Then uploads are timed for --seconds, from the start of POST /v1/jobs to its 202: one to each stack by turns, off, on, \
blocked, the same picture to all three, in orders that change so that each stack follows each other one equally often. \
The workers are held still meanwhile; the images wait and go with the stacks.

Logs may cost 2 percent: the median of how many times as long an upload with logs took as that of the same picture \
without. The interval beside it is where that median is 19 times of 20.";

/// Orders in which the stacks are served: each comes before each other one equally often, also from the end of one order
/// to the begin of the next.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [2, 1, 0], [1, 0, 2], [1, 2, 0], [2, 0, 1]];

#[derive(Debug, Args)]
pub(super) struct LoggingArgs {
    #[command(flatten)]
    pictures: PictureArgs,
    /// Seconds of uploads; at least each file goes to each stack in each order
    #[arg(long, value_name = "N", default_value_t = 45)]
    seconds: u64,
    /// What is logged where logs are on, as HILUM_LOG
    #[arg(long, value_name = "FILTER", default_value = "info")]
    level: String,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: LoggingArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
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
    writer.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    args: &LoggingArgs,
    stacks: [&Temporary; 3],
    output: Output,
) -> Result<LoggingOutcome, Error> {
    let mut contents = Vec::new();
    for stack in stacks {
        contents.push(stack.warm_up(args.pictures.contents()?, output).await?);
    }
    let held = stacks.map(Temporary::hold_workers);
    let length = Duration::from_secs(args.seconds);
    output.note(format_args!("uploading for {} s …", args.seconds));
    let took = by_turns(stacks, &contents, length).await?;
    drop(held);
    let mut sinks = Vec::new();
    for (stack, uploads) in stacks.iter().zip(&took) {
        let dropped_lines = metric_of(&stack.state, "ingest", "hilum_log_lines_dropped_total").await;
        let against_off = Ratios::of(uploads, &took[0]).ok_or_else(nothing)?;
        let uploads = Latencies::of(uploads.clone()).ok_or_else(nothing)?;
        sinks.push(Sink { uploads, against_off, dropped_lines });
    }
    let sinks: Sinks = sinks.try_into().map_err(|_| nothing())?;
    Ok(LoggingOutcome { sinks, level: args.level.clone(), kinds: contents[0].kinds() })
}

/// What each upload to each stack took: those at the same place are of the same picture, moments apart. Ends when the
/// time is up and all orders had their turn with all files.
async fn by_turns(
    stacks: [&Temporary; 3],
    contents: &[Contents],
    length: Duration,
) -> Result<[Vec<Duration>; 3], Error> {
    let mut took: [Vec<Duration>; 3] = Default::default();
    let began = Instant::now();
    while took[0].is_empty() || began.elapsed() < length {
        for order in ORDERS {
            for _ in 0..contents[0].templates() {
                for index in order {
                    took[index].push(upload(stacks[index], &contents[index]).await?);
                }
            }
        }
    }
    Ok(took)
}

/// How long an upload takes until it is answered with 202.
async fn upload(stack: &Temporary, contents: &Contents) -> Result<Duration, Error> {
    let content = contents.next();
    let began = Instant::now();
    let tags = (SITE, content.study.as_str());
    stack.client.upload_content(content.pieces(), content.len(), tags).await?;
    Ok(began.elapsed())
}

fn nothing() -> Error {
    Error::Unmeasured("nothing was uploaded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stack_follows_each_other_one_equally_often() {
        let served: Vec<usize> = ORDERS.concat();
        let mut followed = [[0; 3]; 3];
        for (place, index) in served.iter().enumerate() {
            followed[*index][served[(place + 1) % served.len()]] += 1;
        }
        assert_eq!(followed, [[0, 3, 3], [3, 0, 3], [3, 3, 0]]);
    }
}
