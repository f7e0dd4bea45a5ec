//! `hilum bench capacity`: how many senders of one image per second a machine holds. Looks for the largest number that
//! is held; what one step is lies in `step`, what is shown in `view`.

mod search;
mod step;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hilum_terminal::Output;

use self::search::Search;
use self::step::{Step, Steps};
use self::view::CapacityOutcome;
use super::contents::Contents;
use super::pipeline::PictureArgs;
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
How many senders of one image per second the stack holds at a p95 under one second

Starts a stack of its own (free ports, a folder that is removed at the end) and lets senders post images as a camera \
does: one per second each, evenly spread, whether or not the ones before are read. All images are different. The \
number of senders is doubled until it is not held, then the largest number that is held is looked for in between.

Held means: of the images sent within --step-s, after a time to settle, 95 of 100 were read within one second, \
counted from when they were due to be sent, and none was refused because the box was full.

Then that number is sent for --steady-s: the p95 of the last quarter shows whether it stays what it was. Last, twice \
that number is sent for --step-s: what is refused, and how long those wait that are not.

Senders, servers and services share one machine; run it on an idle one and with a release build.";

/// Not judged: the queue may still be filling.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    pictures: PictureArgs,
    /// Senders of the first step
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    first: u32,
    /// Senders at most
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    most: u32,
    /// Seconds of each step that are judged
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    step_s: u64,
    /// Seconds for which the number that was found is sent on; 0 for none
    #[arg(long, value_name = "N", default_value_t = 60)]
    steady_s: u64,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: CapacityArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    let contents = args.pictures.contents()?;
    let stack = args.stack.reporting_soon();
    let measured = on_temporary_stack(&stack, output, async |stack: &Temporary| {
        Box::pin(measure(&args, stack, contents, output)).await
    });
    let outcome = Box::pin(measured).await?;
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    args: &CapacityArgs,
    stack: &Temporary,
    contents: Contents,
    output: Output,
) -> Result<CapacityOutcome, Error> {
    let contents = stack.warm_up(contents, output).await?;
    let steps = Steps { client: &stack.client, contents: &contents, settle: SETTLE, output };
    let length = Duration::from_secs(args.step_s);
    let mut search = Search::new(args.first, args.most);
    let mut tried: Vec<Step> = Vec::new();
    while let Some(senders) = search.next() {
        let step = steps.run(senders, length).await?;
        search.tell(senders, step.is_held());
        tried.push(step);
    }
    let held = search.held();
    let (mut steady, mut beyond) = (None, None);
    if held > 0 {
        if args.steady_s > 0 {
            steady = Some(steps.run(held, Duration::from_secs(args.steady_s)).await?);
        }
        beyond = Some(steps.run_whatever_comes(held.saturating_mul(2), length).await?);
    }
    Ok(CapacityOutcome {
        is_bounded: search.is_bounded(),
        held,
        tried,
        steady,
        beyond,
        kinds: contents.kinds(),
        untrained: stack.state.untrained,
    })
}
