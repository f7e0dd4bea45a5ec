//! A stack in the background: `hilum up` in a session of its own, and waiting until uploads are taken.

use std::fs::OpenOptions;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use hilum_api::StackReadiness;
use hilum_client::Client;
use hilum_servers::tail;
use nix::unistd::setsid;

use super::folder::StateFolder;
use super::leftovers::{running, running_parts};
use super::logs::last_error;
use super::programs::{HILUM, sibling};
use super::settings::UpSettings;
use super::state::{StackState, Status};
use super::supervisor::next_word;
use crate::error::Error;
use crate::news::{News, Observer};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A stack that takes uploads.
#[derive(Debug)]
pub struct Up {
    /// What runs.
    pub state: StackState,
    /// How its parts are, when not all of them are ready.
    pub catching_up: Option<StackReadiness>,
}

/// Starts a stack in the background and waits until it takes uploads, and a little longer for all its parts; as long as
/// that takes, for it grows with what is stored.
///
/// # Errors
/// When one runs there already, or it ends.
pub fn start_detached<'a>(
    folder: &'a StateFolder,
    settings: &'a UpSettings,
    observer: &'a dyn Observer,
) -> BoxFuture<'a, Result<Up, Error>> {
    Box::pin(async move {
        if folder.is_locked()? {
            let path = folder.path().to_owned();
            return Err(match running(folder) {
                Ok(state) => Error::AlreadyRuns { folder: path, pid: state.pid, base_url: state.base_url },
                Err(_) => Error::Busy { folder: path },
            });
        }
        observer.notice(&News::Starting { folder: folder.path() });
        folder.create()?;
        let log = folder.log_of("hilum");
        let sink =
            OpenOptions::new().create(true).append(true).open(&log).map_err(Error::file("open", &log))?;
        let before = sink.metadata().map_or(0, |found| found.len());
        let mut command = Command::new(sibling(HILUM)?);
        command.args(["up", "--json", "--background", "--state"]).arg(folder.path());
        command.args(settings.to_arguments());
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(sink);
        let child = command.spawn();
        let child =
            child.map_err(|source| Error::System { operation: "start the background process", source })?;
        match until_up(folder, settings, child, observer).await {
            Some(up) => Ok(up),
            None => Err(match last_error(&log, before) {
                Some(what) => Error::NotUp { what, log },
                None => Error::Detached { tail: tail(&log, before, 8), log },
            }),
        }
    })
}

/// `None` when the background process has ended.
async fn until_up(
    folder: &StateFolder,
    settings: &UpSettings,
    mut child: Child,
    observer: &dyn Observer,
) -> Option<Up> {
    let patience = Duration::from_secs(settings.ready_limit_s);
    let begun = Instant::now();
    let (mut opened_at, mut say_at) = (None, next_word(begun));
    while matches!(child.try_wait(), Ok(None)) {
        let state = StackState::read(folder).ok().flatten();
        let (own, earlier): (Option<_>, Option<_>) = match state {
            Some(state) if state.pid == child.id() => (Some(state), None),
            other => (None, other),
        };
        match own.as_ref().map(|state| state.status) {
            Some(Status::Ready) => return own.map(|state| Up { state, catching_up: None }),
            Some(Status::Open) if !settings.all_parts => {
                let opened_at = *opened_at.get_or_insert_with(Instant::now);
                if opened_at.elapsed() >= patience {
                    let catching_up = readiness(own.as_ref()).await;
                    return own.map(|state| Up { state, catching_up });
                }
            }
            _ => {}
        }
        if Instant::now() >= say_at {
            say_at = next_word(begun);
            if let Some(seen) = readiness(own.as_ref()).await {
                observer.notice(&News::WaitingFor(&seen));
            }
            for (name, _) in earlier.as_ref().map(running_parts).unwrap_or_default() {
                observer.notice(&News::Leftover { name, pid: None });
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    None
}

async fn readiness(state: Option<&StackState>) -> Option<StackReadiness> {
    Client::new(&state?.base_url).ok()?.readiness().await.ok()
}

/// Called by the background process: leaves the terminal's session.
///
/// # Errors
/// When the system does not let it.
pub fn leave_session() -> Result<(), Error> {
    match setsid() {
        Ok(_) => Ok(()),
        Err(errno) => Err(Error::System { operation: "leave the session", source: errno.into() }),
    }
}
