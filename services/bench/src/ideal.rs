//! What the machine could do: `hilum-model bench ideal` on the files of a measurement, its answer as far as it is
//! shown here.

use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;
use hilum_stack::{MODEL_TOOLS, sibling};
use hilum_terminal::Output;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::contents::Contents;
use super::temporary::TemporaryArgs;
use crate::error::Error;

/// Whether and how long the ideal is measured.
#[derive(Debug, Args)]
pub(super) struct IdealArgs {
    /// Seconds of each of the two measurements of the ideal; 0 for none
    #[arg(long, value_name = "N", default_value_t = 10)]
    ideal_s: u64,
}

/// The files and how they are to be read.
pub(super) struct Ideal {
    seconds: u64,
    model: Option<PathBuf>,
    folder: Folder,
}

/// What `hilum-model bench ideal` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IdealOutcome {
    /// Those that could be read.
    pub(super) files: usize,
    pub(super) images_per_s: f64,
    /// Milliseconds per image, each stage by itself.
    pub(super) decode_and_preprocess_ms: f64,
    pub(super) forward_ms: f64,
    /// What computed, in words.
    pub(super) engine: String,
    pub(super) cores: usize,
}

/// A folder that is removed when this is dropped.
struct Folder(PathBuf);

impl Ideal {
    /// Writes the files.
    ///
    /// # Errors
    /// When they can't be written.
    pub(super) fn new(args: &IdealArgs, stack: &TemporaryArgs, contents: &Contents) -> Result<Self, Error> {
        let folder = Folder(std::env::temp_dir().join(format!("hilum-ideal-{}", std::process::id())));
        contents.write_to(&folder.0)?;
        Ok(Self { seconds: args.ideal_s, model: stack.model(), folder })
    }

    /// `None` when it is not wanted.
    ///
    /// # Errors
    /// When the program fails.
    pub(super) async fn measure(
        &self,
        output: Output,
        what: &'static str,
    ) -> Result<Option<IdealOutcome>, Error> {
        if self.seconds == 0 {
            return Ok(None);
        }
        output.note(format_args!("measuring {what} …"));
        let program = sibling(MODEL_TOOLS)?;
        let mut command = Command::new(&program);
        command.args(["bench", "ideal", "--json", "--seconds", &self.seconds.to_string(), "--images"]);
        command.arg(&self.folder.0).kill_on_drop(true).stderr(Stdio::inherit());
        if let Some(model) = &self.model {
            command.arg("--model").arg(model);
        }
        let ended = command.output().await.map_err(Error::file("run", &program))?;
        if !ended.status.success() {
            return Err(Error::Unmeasured(format!("`hilum-model bench ideal` ended with {}", ended.status)));
        }
        let answer = serde_json::from_slice(&ended.stdout);
        answer.map(Some).map_err(|error| Error::Content { path: program, reason: error.to_string() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Among the temporary files; nobody misses it and nobody is left to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
