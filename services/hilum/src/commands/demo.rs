//! `hilum demo`: starts a stack in the background, sends the sample images as one study and writes its report
//! into the current folder. It can be run again and again; a stack that runs already is used.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hilum_client::{Client, ReportFormat, ReportQuery, Tags};
use hilum_client::{Plan, Sent, samples, submit};
use hilum_stack::{StackState, StateFolder, UpSettings};
use hilum_terminal::Output;
use jiff::Timestamp;
use serde_json::json;

use super::report::{fetch, write};
use crate::error::Error;
use crate::news::Narrator;
use crate::submission_view::{Bars, show};

const SITE: &str = "demo";
/// What a reading may take on a slow machine, with many before it.
const READING_LIMIT: Duration = Duration::from_secs(600);
const REPORT_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Folder of the stack
    #[arg(long, default_value = ".hilum/demo", value_name = "DIR")]
    state: PathBuf,
    /// Images to send: a list in TOML or a folder; by default tests/data/demo.toml of the checkout
    #[arg(long, value_name = "PATH")]
    samples: Option<PathBuf>,
    /// Stop the stack at the end
    #[arg(long)]
    stop_at_end: bool,
    #[command(flatten)]
    settings: UpSettings,
}

pub(super) async fn run(args: DemoArgs, output: Output) -> Result<ExitCode, Error> {
    let files = samples(args.samples.as_deref())?;
    let folder = StateFolder::at(&args.state)?;
    let state = stack_of(&folder, &args.settings, output).await?;
    output.say(format_args!("the stack runs at {}", state.base_url));
    if state.untrained {
        output.say(hilum_models::UNTRAINED_NOTICE);
    }
    let study = format!("demo-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let shown = demonstrate(&Client::new(&state.base_url)?, &study, files, output).await;
    if args.stop_at_end {
        hilum_stack::stop(&folder, &Narrator(output)).await?;
        output.say("the stack was stopped");
    } else {
        say_how_to_go_on(&folder, &state, &study, output);
    }
    shown.map(|()| ExitCode::SUCCESS)
}

async fn stack_of(folder: &StateFolder, settings: &UpSettings, output: Output) -> Result<StackState, Error> {
    match hilum_stack::running(folder) {
        Ok(state) => Ok(state),
        Err(hilum_stack::Error::NotRunning { .. }) => {
            // Each image is waited for, so every part is needed.
            let sites = settings.sites.clone().map_or_else(|| own_sites(folder), Ok)?;
            let settings = UpSettings { all_parts: true, sites: Some(sites), ..settings.clone() };
            Ok(hilum_stack::start_detached(folder, &settings, &Narrator(output)).await?.state)
        }
        Err(error) => Err(error.into()),
    }
}

/// The samples are pictures and DICOM images in one study, and a site must let these come together.
fn own_sites(folder: &StateFolder) -> Result<PathBuf, Error> {
    let file = folder.path().join("sites.toml");
    let rules = format!("[site.{SITE}]\npictures_join_patients = true\n");
    std::fs::create_dir_all(folder.path()).map_err(Error::file("create", folder.path()))?;
    std::fs::write(&file, rules).map_err(Error::file("write", &file))?;
    Ok(file)
}

async fn demonstrate(client: &Client, study: &str, files: Vec<PathBuf>, output: Output) -> Result<(), Error> {
    let plan = Plan {
        tags: Tags { site: Some(SITE.to_owned()), study: Some(study.to_owned()), ..Tags::default() },
        // One after the other, so that of two equal files the second is the duplicate.
        uploads_at_once: 1,
        wait: Some(READING_LIMIT),
    };
    output.say(format_args!("sending {} files as study {study} of site {SITE}", files.len()));
    let (began, bars) = (Instant::now(), Bars::new(output));
    let sent = submit(client, files, &plan, &|step| bars.show(step)).await;
    show(&sent, output);
    output.say(format_args!("sent and read in {:.1} s", began.elapsed().as_secs_f64()));
    if !sent.iter().any(|one: &Sent| one.outcome.job_id().is_some()) {
        return Err(Error::Usage("no file was taken in, so there is nothing to report".to_owned()));
    }
    client.close_study(study, Some(SITE)).await?;
    for (format, file) in
        [(ReportFormat::Html, "hilum-demo-report.html"), (ReportFormat::Json, "hilum-demo-report.json")]
    {
        let query = ReportQuery { study, site: Some(SITE), revision: None, format, language: None, part: 1 };
        let report = fetch(client, query, REPORT_LIMIT).await?;
        let file = std::path::absolute(file).map_err(Error::file("write", file))?;
        write(&file, &report, format, output)?;
    }
    Ok(())
}

fn say_how_to_go_on(folder: &StateFolder, state: &StackState, study: &str, output: Output) {
    // As it was called, so that the lines can be pasted.
    let hilum = std::env::args().next().unwrap_or_else(|| "hilum".to_owned());
    let path = folder.path().display();
    output.say(format_args!(
        "\nthe stack goes on running; to go on yourself:\n  \
         {hilum} submit FILE… --wait --state {path}\n  \
         {hilum} report {study} --site {SITE} --as pdf -o report.pdf --state {path}\n  \
         {hilum} doctor --state {path}\n  \
         open {}/ for the API\n  \
         {hilum} down --state {path}   (stops it)",
        state.base_url
    ));
    output.object(
        &json!({ "event": "ready", "base_url": state.base_url, "pid": state.pid, "state": folder.path().to_string_lossy() }),
    );
}
