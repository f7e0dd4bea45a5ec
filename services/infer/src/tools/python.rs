//! The Python that converts weights: one that is there, or packages of its own in the user's cache folder. Knows nothing
//! of the conversion.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use hilum_runtime::cache_folder;

/// What the conversion imports. The default build of torch brings CUDA libraries, 5 GB on disk; an operator who has an
/// index with CPU builds names it by `PIP_EXTRA_INDEX_URL` and the build by `HILUM_IMPORT_TORCH`.
const TORCH: &str = "torch==2.13.0";
const OTHERS: [&str; 2] = ["torchxrayvision==1.5.7", "safetensors==0.8.0"];
const FOLDER: &str = "import-torch-2.13.0-torchxrayvision-1.5.7";

/// An interpreter and, if it lacks them itself, the folder of the packages it needs.
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    pub(crate) packages: Option<PathBuf>,
}

/// Why there is no such Python.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No home and no cache folder.
    #[error("there is no cache folder; set HILUM_CACHE or HOME")]
    NoCache,
    /// Python did not start.
    #[error("could not run python3; install Python 3 with pip, or give --python")]
    Start(#[source] std::io::Error),
    /// pip failed; its reason is on standard error.
    #[error("pip could not install the packages ({0}); see its message above")]
    Pip(ExitStatus),
    /// The cache folder is not writable.
    #[error("could not write {path}")]
    Write {
        /// The folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}

impl Python {
    /// An interpreter that has the packages.
    pub(crate) fn existing(program: PathBuf) -> Self {
        Self { program, packages: None }
    }

    /// `python3` with packages in the cache folder; they are installed if they are not there. Neither root nor the
    /// `venv` module is needed.
    pub(crate) fn in_cache() -> Result<Self, PythonError> {
        let packages = cache_folder().ok_or(PythonError::NoCache)?.join(FOLDER);
        if !packages.is_dir() {
            install(&packages)?;
        }
        Ok(Self { program: "python3".into(), packages: Some(packages) })
    }
}

/// Into a folder beside the target that gets its name at the end, so that a broken-off download is never used.
fn install(target: &Path) -> Result<(), PythonError> {
    let failed = |source| PythonError::Write { path: target.to_owned(), source };
    let partial = target.with_extension(format!("partial-{}", std::process::id()));
    std::fs::create_dir_all(&partial).map_err(failed)?;
    let torch = std::env::var("HILUM_IMPORT_TORCH").unwrap_or_else(|_| TORCH.to_owned());
    eprintln!("installing {torch} and torchxrayvision for the conversion, once, in {}", target.display());
    let status = pip(&partial, &torch)?;
    if status.success() {
        return std::fs::rename(&partial, target).map_err(failed);
    }
    // What pip said matters more than a left-over folder.
    let _ = std::fs::remove_dir_all(&partial);
    Err(PythonError::Pip(status))
}

fn pip(target: &Path, torch: &str) -> Result<ExitStatus, PythonError> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
    // Standard output belongs to this program's own answer.
    command.arg(target).arg(torch).args(OTHERS).stdout(std::io::stderr());
    command.status().map_err(PythonError::Start)
}
