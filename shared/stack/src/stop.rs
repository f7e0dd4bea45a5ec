//! Stopping a stack that runs in another process.

use std::convert::Infallible;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_servers::wait_while_working;
use nix::sys::signal::Signal;

use super::folder::StateFolder;
use super::leftovers::{holder, running_parts};
use super::state::StackState;
use crate::error::Error;
use crate::news::{News, Observer};

/// A stack whose processes all do nothing for so long hangs: the supervisor kills a part that does not stop earlier than
/// that. A stack that works is waited for; the more is stored, the longer the log's server writes.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// Between two words on what still stops.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Stops the stack of `folder` and waits until it is gone; returns its process, `None` when there was none.
///
/// # Errors
/// When the folder is held by somebody else, or the stack hangs.
pub fn stop<'a>(
    folder: &'a StateFolder,
    observer: &'a dyn Observer,
) -> BoxFuture<'a, Result<Option<u32>, Error>> {
    Box::pin(async move {
        if !folder.is_locked()? {
            return Ok(None);
        }
        let state = StackState::read(folder)?;
        let running = state.and_then(|state| holder(folder, &state).map(|holder| (holder, state)));
        let (supervisor, state) =
            running.ok_or_else(|| Error::UnknownHolder { folder: folder.path().to_owned() })?;
        supervisor.signal(Signal::SIGTERM);
        let parts = running_parts(&state).into_iter().map(|(_, process)| process.pid);
        let pids: Vec<u32> = parts.chain([supervisor.pid]).collect();
        let stopped = wait_while_working(&pids, IDLE_LIMIT, || async move { !supervisor.runs() });
        tokio::select! {
            stopped = stopped => match stopped {
                true => Ok(Some(supervisor.pid)),
                false => Err(Error::StillStopping { pid: supervisor.pid, limit_s: IDLE_LIMIT.as_secs() }),
            },
            never = say_what_stops(&state, observer) => match never {},
        }
    })
}

async fn say_what_stops(state: &StackState, observer: &dyn Observer) -> Infallible {
    let mut words = tokio::time::interval(SAY_EVERY);
    words.tick().await;
    loop {
        words.tick().await;
        let parts: Vec<_> = running_parts(state).into_iter().map(|(name, _)| name).collect();
        observer.notice(&News::StillStopping { parts: &parts });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::news::Unseen;

    #[tokio::test]
    async fn stopping_what_does_not_run_is_no_error() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        assert_eq!(stop(&folder, &Unseen).await.unwrap(), None);
    }
}
