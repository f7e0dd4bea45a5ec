//! `hilum submit`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hilum_client::Tags;
use hilum_client::{Plan, files_in, submit};
use hilum_events::Priority;
use hilum_terminal::Output;

use super::StackArgs;
use crate::error::Error;
use crate::submission_view::{Bars, show};

/// The service takes more at a time, but it is not alone in sending.
const UPLOADS_AT_ONCE: usize = 8;

#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    /// Image files, or folders with them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Hospital or department the images come from
    #[arg(long)]
    site: Option<String>,
    /// Your name for the study that all images belong to; never a patient's name or number
    #[arg(long, value_name = "NAME")]
    study: Option<String>,
    /// How soon readings are wanted
    #[arg(long)]
    priority: Option<Soon>,
    /// How many images the study has in all: its report is issued when they are there and read
    #[arg(long, value_name = "N", requires = "study", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    expected: Option<u32>,
    /// An earlier study of the same patient at the same site, by your name for it or by its id
    #[arg(long, value_name = "NAME")]
    prior: Option<String>,
    /// Wait for the readings
    #[arg(long)]
    wait: bool,
    /// Seconds that are waited for readings after the last upload
    #[arg(long, value_name = "N", default_value_t = 600)]
    wait_limit_s: u64,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Soon {
    /// At once
    Stat,
    /// In turn
    Routine,
}

pub(super) async fn run(args: &SubmitArgs, output: Output) -> Result<ExitCode, Error> {
    let client = args.stack.client()?;
    let files = files_in(&args.paths)?;
    // Once, rather than for each file.
    if let Err(error @ hilum_client::Error::Unreachable { .. }) = client.readiness().await {
        return Err(error.into());
    }
    let priority = args.priority.map(|soon| match soon {
        Soon::Stat => Priority::Stat,
        Soon::Routine => Priority::Routine,
    });
    let plan = Plan {
        tags: Tags {
            site: args.site.clone(),
            study: args.study.clone(),
            priority,
            expected_images: args.expected,
            prior_study: args.prior.clone(),
        },
        uploads_at_once: UPLOADS_AT_ONCE,
        wait: args.wait.then(|| Duration::from_secs(args.wait_limit_s)),
    };
    let bars = Bars::new(output);
    let sent = submit(&client, files, &plan, &|step| bars.show(step)).await;
    show(&sent, output);
    let good = sent.iter().all(|one| one.outcome.is_good());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
