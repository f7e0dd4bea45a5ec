//! `hilum bench study`: whether a study of many images is read as far at a time as there are workers. The measurement
//! step by step; what is shown of it is in `view`.

mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_events::{Event, Priority, ReportIssued, Site, StudyId, all_reports_filter};
use hilum_log::Follower;
use hilum_terminal::Output;

use self::view::{Round, StudyOutcome, Workers};
use super::contents::Contents;
use super::load::SITE;
use super::load::upload_as;
use super::pipeline::PictureArgs;
use super::simulated::SimulatedArgs;
use super::temporary::{Temporary, TemporaryArgs, Variant, on_temporary_stacks};
use super::worker_metrics::forward_passes;
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
How long a study of many images takes with as many workers, and with one; exit code 1 if more than promised

Starts two stacks of its own (free ports, folders that are removed at the end): one whose worker reads all images of the \
study at a time, and one whose worker reads one after the other. The readings are simulated: each takes --reading-ms and \
no core, so that what is seen is the way of the images and of the report, on a machine of any size.

A round sends one study of --views different images, closes it, and ends when its report is issued. The time counts from \
the last 202 of its images, and from the first. With as many workers as images it may take 1.3 times one reading; with \
one worker 1.05 times as many readings as there are images. Judged is the median of the rounds, from the last 202.";

/// Uploads at a time.
const UPLOADS_AT_ONCE: usize = 8;
/// Of a report, beyond the readings one after the other.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(super) struct StudyArgs {
    /// Images of the study, and workers that read them at a time
    #[arg(long, value_name = "N", default_value_t = 17, value_parser = clap::value_parser!(u16).range(2..=256))]
    views: u16,
    /// Studies that are sent, one after the other, to each of the two stacks
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    #[command(flatten)]
    simulated: SimulatedArgs,
    #[command(flatten)]
    pictures: PictureArgs,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: StudyArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    // Before stacks are started in vain.
    args.pictures.cheap_contents()?;
    let variant = |name, readings_at_once| Variant {
        name,
        environment: args.simulated.environment(readings_at_once),
        has_blocked_logs: false,
    };
    let variants = [variant("parallel", args.views), variant("single", 1)];
    let measured = on_temporary_stacks(&args.stack, &variants, output, async |stacks| match stacks {
        [parallel, single] => {
            let parallel = Box::pin(measure(&args, parallel, args.views, output)).await?;
            let single = Box::pin(measure(&args, single, 1, output)).await?;
            Ok([parallel, single])
        }
        _ => Err(Error::Unmeasured("there are not two stacks".to_owned())),
    });
    let outcome = StudyOutcome { workers: Box::pin(measured).await?, reading: args.simulated.reading() };
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    args: &StudyArgs,
    stack: &Temporary,
    readings_at_once: u16,
    output: Output,
) -> Result<Workers, Error> {
    let contents = stack.warm_up(args.pictures.cheap_contents()?, output).await?;
    let before = forward_passes(&stack.state).await;
    let bar = output.progress(usize::from(args.rounds), "studies");
    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        rounds.push(round(args, stack, &contents, &format!("bench-study-{number}")).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let forwards = forward_passes(&stack.state).await.zip(before).map(|(after, before)| after - before);
    Ok(Workers { readings_at_once, images: args.views, rounds, forwards })
}

/// Sends one study and waits for its report.
async fn round(
    args: &StudyArgs,
    stack: &Temporary,
    contents: &Contents,
    study: &str,
) -> Result<Round, Error> {
    let position = stack.log.position().await.map_err(stack.unavailable())?;
    let mut follower = stack.log.follow(position.last_seq, &[&all_reports_filter()]);
    let uploads = (0..args.views).map(|_| async {
        upload_as(&stack.client, &contents.next(), (SITE, study), Priority::Routine).await?;
        Ok::<_, Error>(Instant::now())
    });
    let acknowledged: Vec<Instant> =
        stream::iter(uploads).buffer_unordered(UPLOADS_AT_ONCE).try_collect().await?;
    stack.client.close_study(study, Some(SITE)).await?;
    let limit = args.simulated.reading() * u32::from(args.views) + PATIENCE;
    let reported = tokio::time::timeout(limit, whole_report(&mut follower, study, args.views)).await;
    let issued = reported.map_err(|_| {
        Error::Unmeasured(format!("no report of all images came within {} s", limit.as_secs()))
    })??;
    let nothing = || Error::Unmeasured("the study had no image".to_owned());
    let first = acknowledged.iter().min().ok_or_else(nothing)?;
    let last = acknowledged.iter().max().ok_or_else(nothing)?;
    Ok(Round { from_first: issued - *first, from_last: issued - *last })
}

/// When the report that covers all images was seen in the log.
async fn whole_report(follower: &mut Follower, study: &str, images: u16) -> Result<Instant, Error> {
    let site: Site =
        SITE.parse().map_err(|error: hilum_events::NameError| Error::Unmeasured(error.to_string()))?;
    let wanted = StudyId::named(&site, study);
    loop {
        let fact = follower.next().await;
        let seen = Instant::now();
        match fact.envelope().map(|envelope| &envelope.event) {
            Some(Event::ReportIssued(ReportIssued { study_id, job_ids, completed, .. }))
                if *study_id == wanted && job_ids.len() == usize::from(images) =>
            {
                if *completed != u32::from(images) {
                    let missing = u32::from(images) - completed;
                    return Err(Error::Unmeasured(format!("{missing} of the images were not read")));
                }
                return Ok(seen);
            }
            _ => {}
        }
    }
}
