//! What the supervisor knows of a part's process; tells why a part is not ready. Knows nothing of how a part is
//! started.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hilum_servers::Activity;

/// A part whose last end is older than this runs steadily.
pub(crate) const STEADY: Duration = Duration::from_secs(60);

/// Told by the supervisor, read by the probes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vitals(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    run: Option<Run>,
    ends: u32,
    last_end: Option<(Instant, String)>,
}

#[derive(Debug)]
struct Run {
    pid: Option<u32>,
    since: Instant,
    /// What a server has stored and may have to read, bytes.
    stored_bytes: Option<u64>,
}

impl Vitals {
    /// The process was started. A server that recovers reads at most what it has stored in `folder`.
    pub(crate) fn started(&self, pid: Option<u32>, folder: Option<&Path>) {
        let stored_bytes = folder.map(size_of);
        self.lock().run = Some(Run { pid, since: Instant::now(), stored_bytes });
    }

    /// It ended, or could not be started; `what` says how.
    pub(crate) fn ended(&self, what: String) {
        let mut known = self.lock();
        known.run = None;
        known.ends += 1;
        known.last_end = Some((Instant::now(), what));
    }

    /// Why a part that does not answer does not; `doing` is what keeps it busy when it runs.
    pub(crate) fn silence(&self, doing: &str) -> String {
        let known = self.lock();
        let trouble = known.trouble();
        let Some(run) = &known.run else {
            return trouble.unwrap_or_else(|| "not started yet".to_owned());
        };
        let so_long = format!("{doing} for {} s", run.since.elapsed().as_secs());
        let how_far = run.stored_bytes.zip(run.pid.and_then(Activity::of)).map(|(stored, activity)| {
            format!(
                ", {} of at most {} MiB read",
                mebibytes(activity.read_bytes.min(stored)),
                mebibytes(stored)
            )
        });
        let trouble = trouble.map(|trouble| format!("; {trouble}")).unwrap_or_default();
        so_long + &how_far.unwrap_or_default() + &trouble
    }

    /// How it ended last, if that is not long ago: a part that is up again may end again.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock().trouble()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn trouble(&self) -> Option<String> {
        let (at, what) =
            self.last_end.as_ref().filter(|(at, _)| at.elapsed() < STEADY || self.run.is_none())?;
        let times = if self.ends == 1 { "once".to_owned() } else { format!("{} times", self.ends) };
        Some(format!(
            "ended {times}, the last time {} s ago ({what}); it is started again",
            at.elapsed().as_secs()
        ))
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// Bytes of all files below `folder`, as far as they can be seen.
fn size_of(folder: &Path) -> u64 {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_a_part_does_and_how_it_ended() {
        let vitals = Vitals::default();
        assert_eq!(vitals.silence("starting"), "not started yet");
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("a")).unwrap();
        std::fs::write(place.path().join("a/b"), vec![0; 3 << 20]).unwrap();
        vitals.started(Some(std::process::id()), Some(place.path()));
        let recovering = vitals.silence("recovering");
        assert!(recovering.starts_with("recovering for 0 s, "), "{recovering}");
        assert!(recovering.ends_with(" of at most 3 MiB read"), "{recovering}");
        assert_eq!(vitals.trouble(), None);
        vitals.ended("exit status: 1".to_owned());
        let ended = "ended once, the last time 0 s ago (exit status: 1); it is started again";
        assert_eq!(vitals.silence("starting"), ended);
        vitals.started(None, None);
        assert_eq!(vitals.silence("starting"), format!("starting for 0 s; {ended}"));
        assert_eq!(vitals.trouble().as_deref(), Some(ended));
    }
}
