//! Settings of the decoder pool, and where its program is found.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::DecodeError;
use crate::limits::Limits;

/// Settings of a [`DecoderPool`](crate::DecoderPool).
#[derive(Debug, Clone)]
pub struct DecoderConfig {
    /// The `hilum-decoder` program.
    pub program: PathBuf,
    /// Most processes at a time; further calls wait.
    pub size: usize,
    /// Address space each process may have, bytes.
    pub memory_limit_bytes: u64,
    /// Wall-clock time one file may take.
    pub time_limit: Duration,
    /// What a file may claim.
    pub limits: Limits,
}

impl DecoderConfig {
    /// Name of the environment variable that overrides where the program is looked for.
    pub const PROGRAM_VARIABLE: &'static str = "HILUM_DECODER";

    /// Defaults for `program`: a process per core, 1 GiB and 20 s for each.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            size: std::thread::available_parallelism().map_or(1, usize::from),
            memory_limit_bytes: 1 << 30,
            time_limit: Duration::from_secs(20),
            limits: Limits::default(),
        }
    }

    /// Defaults for the program that `HILUM_DECODER` names, or else that lies beside the running one, or one folder
    /// up, since test programs lie in `target/…/deps`.
    ///
    /// # Errors
    /// [`DecodeError::Unavailable`] when there is none.
    pub fn sibling() -> Result<Self, DecodeError> {
        if let Some(program) = env::var_os(Self::PROGRAM_VARIABLE).filter(|program| !program.is_empty()) {
            return Ok(Self::new(program));
        }
        let running = env::current_exe()
            .map_err(|error| DecodeError::unavailable("the running program's path is unknown", error))?;
        find_beside(&running).map(Self::new).ok_or_else(|| {
            let what = "hilum-decoder is not beside the running program; build package hilum-imaging or set \
                        HILUM_DECODER";
            DecodeError::unavailable(what, None)
        })
    }
}

fn find_beside(running: &Path) -> Option<PathBuf> {
    let name = format!("hilum-decoder{}", env::consts::EXE_SUFFIX);
    running.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_beside_and_one_folder_up_but_no_farther() {
        let folder = env::temp_dir().join(format!("hilum-sibling-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("deps/inner")).unwrap();
        let program = folder.join(format!("hilum-decoder{}", env::consts::EXE_SUFFIX));
        std::fs::write(&program, b"").unwrap();
        assert_eq!(find_beside(&folder.join("ingest")), Some(program.clone()));
        assert_eq!(find_beside(&folder.join("deps/test-1234")), Some(program));
        assert_eq!(find_beside(&folder.join("deps/inner/x")), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
