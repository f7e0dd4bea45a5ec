//! Where everything of a stack lies, and the lock that lets only one run there.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::Error;

/// Asking whether the lock is held takes it for an instant; a start therefore tries so often to take it.
const LOCK_TRIES: u32 = 10;

/// The state folder of a stack. It need not exist yet.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
}

/// The right to run a stack in a folder; given up when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}

impl StateFolder {
    /// The folder at `path`, made absolute.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(Error::file("use", path))?;
        Ok(Self { path })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folders. Images and events are for nobody else's eyes.
    pub fn create(&self) -> Result<(), Error> {
        for folder in [self.path.clone(), self.logs(), self.objects(), self.nats()] {
            fs::create_dir_all(&folder).map_err(Error::file("make the folder", &folder))?;
        }
        for folder in [self.objects(), self.nats()] {
            fs::set_permissions(&folder, Permissions::from_mode(0o700))
                .map_err(Error::file("close to others", &folder))?;
        }
        Ok(())
    }

    /// Logs of all parts.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// JSON lines of a service or of the supervisor.
    pub fn log_of(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.jsonl"))
    }

    /// What a program that is not ours writes.
    pub(crate) fn plain_log_of(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Object storage, unless another is given.
    pub fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// The files of nats-server.
    pub fn nats(&self) -> PathBuf {
        self.path.join("nats")
    }

    /// Whether nats-server has the files of the event log here.
    pub fn has_event_log(&self) -> bool {
        let accounts = fs::read_dir(self.nats().join("jetstream/jetstream"));
        accounts.into_iter().flatten().flatten().any(|account| account.path().join("streams/EVENTS").is_dir())
    }

    /// The Postgres cluster.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// The demo model.
    pub(crate) fn model(&self) -> PathBuf {
        self.path.join("model")
    }

    /// What runs, for the other commands and for the next start.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.path.join("stack.json")
    }

    /// Held by the supervisor.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Takes the lock; `None` when another process has it.
    pub(crate) async fn lock(&self) -> Result<Option<Lock>, Error> {
        for _ in 0..LOCK_TRIES {
            let file = OpenOptions::new().create(true).append(true).open(self.lock_file());
            let file = file.map_err(Error::file("open the lock", self.lock_file()))?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => return Ok(Some(Lock { _file: file })),
                Err((_, Errno::EWOULDBLOCK)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err((_, errno)) => return Err(self.cannot_lock(errno)),
            }
        }
        Ok(None)
    }

    /// Whether a stack runs here.
    pub fn is_locked(&self) -> Result<bool, Error> {
        let file = match File::open(self.lock_file()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::file("open the lock", self.lock_file())(error)),
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(false),
            Err((_, Errno::EWOULDBLOCK)) => Ok(true),
            Err((_, errno)) => Err(self.cannot_lock(errno)),
        }
    }

    fn cannot_lock(&self, errno: Errno) -> Error {
        Error::file("lock", self.lock_file())(errno.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_one_stack_runs_in_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&place.path().join("state")).unwrap();
        assert!(!folder.is_locked().unwrap());
        folder.create().unwrap();
        let lock = folder.lock().await.unwrap().unwrap();
        assert!(folder.is_locked().unwrap());
        assert!(folder.lock().await.unwrap().is_none());
        drop(lock);
        assert!(!folder.is_locked().unwrap());
        assert!(folder.lock().await.unwrap().is_some());
    }

    #[test]
    fn images_and_events_are_closed_to_others() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        folder.create().unwrap();
        for closed in [folder.objects(), folder.nats()] {
            assert_eq!(fs::metadata(closed).unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
