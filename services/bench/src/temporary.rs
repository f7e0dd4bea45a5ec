//! A stack for one measurement, in a folder of its own, that is stopped and removed afterwards. Knows nothing of
//! what is measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use hilum_client::Client;
use hilum_log::Log;
use hilum_stack::{News, Observer, ProcessId, StackState, StateFolder, UpSettings, connect, nats_error};
use hilum_terminal::Output;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::full_pipes::FullPipes;
use crate::error::Error;

/// Where and how a stack for a measurement is started.
#[derive(Debug, Clone, Args)]
pub(super) struct TemporaryArgs {
    /// Folder for the stack of this measurement, which must not exist yet; by default one among the temporary files
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Keep the folder with all data and logs; the stack is stopped all the same
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    settings: UpSettings,
}

impl TemporaryArgs {
    /// The model folder, if one was named.
    pub(super) fn model(&self) -> Option<PathBuf> {
        self.settings.model.clone()
    }

    /// The same, with studies that are reported a second after their last image unless another time was given: a
    /// measurement of some seconds shall have reports beside it all the time, as a long one would.
    pub(super) fn reporting_soon(&self) -> Self {
        let quiet_time_s = self.settings.quiet_time_s.or(Some(Duration::from_secs(1)));
        Self { settings: UpSettings { quiet_time_s, ..self.settings.clone() }, ..self.clone() }
    }

    /// The same, with further environment variables of all programs.
    pub(super) fn with_environment(&self, more: Vec<(&'static str, String)>) -> Self {
        let mut settings = self.settings.clone();
        settings.environment.extend(more);
        Self { settings, ..self.clone() }
    }

    /// The same, with these watches, and a token for notifications.
    pub(super) fn watching(&self, watches: PathBuf, token: PathBuf) -> Self {
        let (watches, watch_token_file) = (Some(watches), Some(token));
        Self { settings: UpSettings { watches, watch_token_file, ..self.settings.clone() }, ..self.clone() }
    }

    /// The same, with a door for DICOM on any free port.
    pub(super) fn taking_dicom(&self) -> Self {
        let dicom_port = self.settings.dicom_port.or(Some(0));
        Self { settings: UpSettings { dicom_port, ..self.settings.clone() }, ..self.clone() }
    }

    /// The same, with a door that takes images however long they will wait: for a measurement that holds the workers.
    pub(super) fn with_patient_door(&self) -> Self {
        let mut settings = self.settings.clone();
        settings.environment.push(("HILUM_MAX_WAIT_S", "0".to_owned()));
        Self { settings, ..self.clone() }
    }
}

/// One of several stacks that a measurement compares.
#[derive(Debug, Default)]
pub(super) struct Variant {
    /// Ends the name of its folder.
    pub(super) name: &'static str,
    /// Environment variables of all its programs.
    pub(super) environment: Vec<(&'static str, String)>,
    /// The services' logs go to pipes that are full and that nobody reads.
    pub(super) has_blocked_logs: bool,
}

/// A running stack.
pub(super) struct Temporary {
    pub(super) state: StackState,
    pub(super) client: Client,
    pub(super) log: Log,
}

/// What a stack tells goes beside the outcome.
struct Notes(Output);

impl Observer for Notes {
    fn notice(&self, news: &News<'_>) {
        self.0.note(news);
        news.to_json().iter().for_each(|line| self.0.object(line));
    }
}

/// Workers that are held still; they go on when this is dropped.
pub(super) struct Held(Vec<ProcessId>);

/// Starts a stack, measures on it, stops and removes it, also when it is interrupted.
///
/// # Errors
/// Those of `measure`; or the stack does not come up, or is not to be used.
pub(super) async fn on_temporary_stack<T>(
    args: &TemporaryArgs,
    output: Output,
    measure: impl AsyncFnOnce(&Temporary) -> Result<T, Error>,
) -> Result<T, Error> {
    on_temporary_stacks(args, &[Variant::default()], output, async |stacks| match stacks {
        [stack] => measure(stack).await,
        _ => Err(Error::Unmeasured("there is not one stack".to_owned())),
    })
    .await
}

/// As [`on_temporary_stack`], with one stack for each variant, all at the same time.
///
/// # Errors
/// As [`on_temporary_stack`].
pub(super) async fn on_temporary_stacks<T>(
    args: &TemporaryArgs,
    variants: &[Variant],
    output: Output,
    measure: impl AsyncFnOnce(&[Temporary]) -> Result<T, Error>,
) -> Result<T, Error> {
    if std::env::var_os("HILUM_STORE_URL").is_some_and(|url| !url.is_empty()) {
        let what = "HILUM_STORE_URL is set: the images of the benchmark would go there and stay; unset it";
        return Err(Error::Usage(what.to_owned()));
    }
    let base = args.folder.clone().unwrap_or_else(among_temporary_files);
    let folders = variants.iter().map(|variant| new_folder(&base, variant.name));
    let folders = folders.collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = folders.iter().zip(variants).collect();
    let measured = tokio::select! {
        measured = on_stacks_in(&places, args, output, measure) => measured,
        interrupted = interrupted() => interrupted.and(Err(Error::Unmeasured("it was interrupted".to_owned()))),
    };
    let mut stopped = Ok(());
    for folder in &folders {
        let ended = end(folder, args, &measured, output).await;
        stopped = stopped.and(ended);
    }
    let measured = measured?;
    stopped.map(|()| measured)
}

/// Stops the stack of a folder and removes it, unless it is to be kept.
async fn end<T>(
    folder: &StateFolder,
    args: &TemporaryArgs,
    measured: &Result<T, Error>,
    output: Output,
) -> Result<(), Error> {
    // A stack that did not come up has left its logs, which the error names.
    let is_up = StackState::read(folder).is_ok_and(|state| state.is_some());
    let stopped = if is_up { hilum_stack::stop(folder, &Notes(output)).await.map(|_| ()) } else { Ok(()) };
    if args.keep {
        output.note(format_args!("everything is kept in {}", folder.path().display()));
    } else if stopped.is_ok()
        && !matches!(
            measured,
            Err(Error::Stack(hilum_stack::Error::NotUp { .. } | hilum_stack::Error::Detached { .. }))
        )
    {
        remove(folder.path())?;
    }
    Ok(stopped?)
}

async fn on_stacks_in<T>(
    places: &[(&StateFolder, &Variant)],
    args: &TemporaryArgs,
    output: Output,
    measure: impl AsyncFnOnce(&[Temporary]) -> Result<T, Error>,
) -> Result<T, Error> {
    let (mut stacks, mut pipes) = (Vec::new(), Vec::new());
    for (folder, variant) in places {
        if variant.has_blocked_logs {
            pipes.push(FullPipes::of(folder)?);
        }
        let environment = [args.settings.environment.as_slice(), &variant.environment].concat();
        let settings = UpSettings { environment, all_parts: true, ..args.settings.clone() };
        let state = hilum_stack::start_detached(folder, &settings, &Notes(output)).await?.state;
        let client = Client::new(&state.base_url)?;
        let log = connect(&state.nats_url()).await?;
        stacks.push(Temporary { state, client, log });
    }
    measure(&stacks).await
}

fn new_folder(base: &Path, name: &str) -> Result<StateFolder, Error> {
    let mut path = base.as_os_str().to_owned();
    if !name.is_empty() {
        path.push("-");
        path.push(name);
    }
    let folder = StateFolder::at(Path::new(&path))?;
    if folder.path().exists() {
        let path = folder.path().display();
        return Err(Error::Usage(format!("{path} exists; the folder of a benchmark is removed at its end")));
    }
    Ok(folder)
}

impl Temporary {
    /// Stops the workers that read images in the middle of whatever they do, so that a queue can be filled.
    pub(super) fn hold_workers(&self) -> Held {
        let is_worker = |name: &str| name == "infer" || name.starts_with("infer-");
        let workers = self.state.parts.iter().filter(|part| is_worker(&part.name));
        let held = Held(workers.filter_map(|part| part.process).collect());
        held.0.iter().for_each(|worker| worker.signal(Signal::SIGSTOP));
        held
    }

    /// For `map_err`: the log did not answer.
    pub(super) fn unavailable<E>(&self) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let url = self.state.nats_url();
        move |error| nats_error(&url, Box::new(error)).into()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.iter().for_each(|worker| worker.signal(Signal::SIGCONT));
    }
}

fn among_temporary_files() -> PathBuf {
    std::env::temp_dir().join(format!("hilum-bench-{}", std::process::id()))
}

fn remove(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(path).map_err(Error::file("remove", path))
}

/// Until the user or the system wants this to end.
async fn interrupted() -> Result<(), Error> {
    let listen =
        |kind| signal(kind).map_err(|source| Error::System { operation: "listen to signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
