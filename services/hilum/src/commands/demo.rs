//! `hilum demo`: starts a stack in the background, sends the sample images as one study and writes its report
//! into the current folder. It can be run again and again; a stack that runs already is used. The images go by HTTP, or by another
//! way in to show it.

mod by_dicom;
mod by_folder;

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
/// So long no further image must come before a study that nobody closes is reported.
const QUIET: Duration = Duration::from_secs(3);
/// What a reading may take on a slow machine, with many before it.
const READING_LIMIT: Duration = Duration::from_secs(600);
const REPORT_LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// How the images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Http,
    Dicom,
    Folder,
}

impl Way {
    /// Whether a stack that runs already can be sent to by it.
    fn is_open(self, folder: &StateFolder, state: &StackState) -> bool {
        match self {
            Self::Http => true,
            Self::Dicom => state.dicom_port.is_some(),
            Self::Folder => by_folder::is_watched(folder, state),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Folder of the stack
    #[arg(long, default_value = ".hilum/demo", value_name = "DIR")]
    state: PathBuf,
    /// Images to send: a list in TOML or a folder; by default tests/data/demo.toml of the checkout
    #[arg(long, value_name = "PATH")]
    samples: Option<PathBuf>,
    /// Send the DICOM images among them by C-STORE, as a modality does
    #[arg(long, conflicts_with = "s3")]
    dicom: bool,
    /// Put the images into a watched folder, as into a bucket of S3
    #[arg(long)]
    s3: bool,
    /// Stop the stack at the end
    #[arg(long)]
    stop_at_end: bool,
    #[command(flatten)]
    settings: UpSettings,
}

pub(super) async fn run(args: DemoArgs, output: Output) -> Result<ExitCode, Error> {
    let files = samples(args.samples.as_deref())?;
    let folder = StateFolder::at(&args.state)?;
    let way = match (args.dicom, args.s3) {
        (true, _) => Way::Dicom,
        (_, true) => Way::Folder,
        _ => Way::Http,
    };
    let state = stack_of(&folder, &args.settings, way, output).await?;
    output.say(format_args!("the stack runs at {}", state.base_url));
    if state.untrained {
        output.say(hilum_models::UNTRAINED_NOTICE);
    }
    let named = format!("demo-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let client = Client::new(&state.base_url)?;
    let study = match way {
        Way::Http => by_http(&client, &named, files, output).await.map(|()| named),
        Way::Dicom => by_dicom::send(&state, &client, &files, output).await,
        Way::Folder => by_folder::put(&folder, &client, named, &files, output).await,
    };
    let shown = match &study {
        Ok(study) => reports(&client, study, output).await,
        Err(_) => Ok(()),
    };
    if args.stop_at_end {
        hilum_stack::stop(&folder, &Narrator(output)).await?;
        output.say("the stack was stopped");
    } else {
        say_how_to_go_on(&folder, &state, study.as_deref().unwrap_or("STUDY"), output);
    }
    study.and(shown).map(|()| ExitCode::SUCCESS)
}

async fn stack_of(
    folder: &StateFolder,
    settings: &UpSettings,
    way: Way,
    output: Output,
) -> Result<StackState, Error> {
    match hilum_stack::running(folder) {
        Ok(state) if way.is_open(folder, &state) => Ok(state),
        Ok(_) => Err(Error::Usage(
            "the stack that runs already was not started for this way in; stop it with `hilum down`, then start the demo again"
                .to_owned(),
        )),
        Err(hilum_stack::Error::NotRunning { .. }) => {
            // Each image is waited for, so every part is needed.
            let sites = settings.sites.clone().map_or_else(|| own_sites(folder), Ok)?;
            let mut settings = UpSettings { all_parts: true, sites: Some(sites), ..settings.clone() };
            match way {
                Way::Http => {}
                Way::Dicom => by_dicom::open(folder, &mut settings)?,
                Way::Folder => by_folder::open(folder, &mut settings)?,
            }
            Ok(hilum_stack::start_detached(folder, &settings, &Narrator(output)).await?.state)
        }
        Err(error) => Err(error.into()),
    }
}

/// The samples are pictures and DICOM images in one study, and a site must let these come together.
fn own_sites(folder: &StateFolder) -> Result<PathBuf, Error> {
    own_file(folder, "sites.toml", &format!("[site.{SITE}]\npictures_join_patients = true\n"))
}

fn own_file(folder: &StateFolder, name: &str, text: &str) -> Result<PathBuf, Error> {
    let file = folder.path().join(name);
    std::fs::create_dir_all(folder.path()).map_err(Error::file("create", folder.path()))?;
    std::fs::write(&file, text).map_err(Error::file("write", &file))?;
    std::path::absolute(&file).map_err(Error::file("use", file))
}

async fn by_http(client: &Client, study: &str, files: Vec<PathBuf>, output: Output) -> Result<(), Error> {
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
    Ok(())
}

/// Waits until a study that nobody closes has a report with all of its images.
async fn until_reported(client: &Client, study: &str, output: Output) -> Result<(), Error> {
    let began = Instant::now();
    while began.elapsed() < READING_LIMIT {
        match client.study(study, Some(SITE)).await {
            Ok(found) => {
                let told = found.reports.last().map_or(0, |report| report.completed + report.failed);
                if told > 0 && found.jobs.len() == told as usize {
                    output.say(format_args!(
                        "{told} images read and reported in {:.1} s",
                        began.elapsed().as_secs_f64()
                    ));
                    return Ok(());
                }
            }
            // Not yet.
            Err(hilum_client::Error::Refused { problem }) if problem.status == 404 => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(Error::NoReport { study: study.to_owned(), limit_s: READING_LIMIT.as_secs() })
}

async fn reports(client: &Client, study: &str, output: Output) -> Result<(), Error> {
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
