//! A stack for one measurement, in a folder of its own, that is stopped and removed afterwards. Knows nothing of
//! what is measured.

use std::path::{Path, PathBuf};

use clap::Args;
use hilum_log::Log;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::super::{down, streams, up};
use crate::client::Client;
use crate::error::Error;
use crate::output::Output;
use crate::stack::{ProcessId, StackState, StateFolder, UpSettings};

/// Where and how a stack for a measurement is started.
#[derive(Debug, Args)]
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

/// A running stack.
pub(super) struct Temporary {
    pub(super) state: StackState,
    pub(super) client: Client,
    pub(super) log: Log,
    folder: StateFolder,
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
    if std::env::var_os("HILUM_STORE_URL").is_some_and(|url| !url.is_empty()) {
        let what = "HILUM_STORE_URL is set: the images of the benchmark would go there and stay; unset it";
        return Err(Error::Usage(what.to_owned()));
    }
    let folder = StateFolder::at(&args.folder.clone().unwrap_or_else(among_temporary_files))?;
    if folder.path().exists() {
        let path = folder.path().display();
        return Err(Error::Usage(format!("{path} exists; the folder of a benchmark is removed at its end")));
    }
    let measured = tokio::select! {
        measured = on_stack_in(&folder, args, output, measure) => measured,
        interrupted = interrupted() => interrupted.and(Err(Error::Unmeasured("it was interrupted".to_owned()))),
    };
    // A stack that did not come up has left its logs, which the error names.
    let is_up = StackState::read(&folder).is_ok_and(|state| state.is_some());
    let stopped = if is_up { down::stop(&folder).await.map(|_| ()) } else { Ok(()) };
    if args.keep {
        output.note(format_args!("everything is kept in {}", folder.path().display()));
    } else if stopped.is_ok() && !matches!(measured, Err(Error::NotUp { .. } | Error::Detached { .. })) {
        remove(folder.path())?;
    }
    let measured = measured?;
    stopped.map(|()| measured)
}

async fn on_stack_in<T>(
    folder: &StateFolder,
    args: &TemporaryArgs,
    output: Output,
    measure: impl AsyncFnOnce(&Temporary) -> Result<T, Error>,
) -> Result<T, Error> {
    let state = up::detached(folder, &args.settings, output).await?;
    let client = Client::new(&state.base_url)?;
    let log = streams::connect(&state.nats_url()).await?;
    measure(&Temporary { state, client, log, folder: folder.clone() }).await
}

impl Temporary {
    /// Where a measurement may write files of its own.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

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
        move |error| streams::nats(&url, Box::new(error))
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
