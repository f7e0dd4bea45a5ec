//! Named pipes in the place of a stack's log files, full from the start, which nobody ever reads.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hilum_stack::{StateFolder, services};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::error::Error;

/// Keeps the pipes open: whoever writes waits rather than learns that nobody is there.
pub(super) struct FullPipes {
    #[allow(dead_code, reason = "open files are all they are for")]
    pipes: Vec<File>,
}

impl FullPipes {
    /// For all services of the stack that will run in `folder`.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn of(folder: &StateFolder) -> Result<Self, Error> {
        folder.create()?;
        let logs = services(&[]).map(|service| folder.log_of(service));
        let pipes = logs.map(|log| full(&log).map_err(Error::file("make the pipe", log)));
        Ok(Self { pipes: pipes.collect::<Result<_, _>>()? })
    }
}

fn full(path: &Path) -> io::Result<File> {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let flags = OFlag::O_NONBLOCK.bits();
    // For reading too, else it could not be opened before somebody reads.
    let mut pipe = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    loop {
        match pipe.write(&[b'\n'; 1024]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(pipe),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_more_goes_into_a_full_pipe() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        let pipes = FullPipes::of(&folder).unwrap();
        assert_eq!(pipes.pipes.len(), services(&[]).count());
        let log = folder.log_of("ingest");
        let mut sink =
            OpenOptions::new().append(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(log).unwrap();
        assert_eq!(sink.write(b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
