//! PyTorch's eager mode, to measure engines against: a Python script builds the same network of plain modules from the
//! same weights and times it on the same cores. It counts only if it says the same. Knows nothing of the engines' times.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use hilum_models::demo::GOLDEN_INPUTS;
use hilum_models::{Architecture, ModelError, ModelFolder};
use serde::Deserialize;
use tempfile::TempDir;

use crate::choice::self_check::largest_difference;
use crate::engine::EngineError;
use crate::engine::load::load_engine;
use crate::engine::load_error::LoadError;
use crate::engine::settings::EngineSettings;
use crate::environment;

/// Images in a pass.
pub(super) const BATCHES: [NonZeroUsize; 2] = [NonZeroUsize::MIN, NonZeroUsize::new(8).unwrap()];
const SCRIPT: &str = include_str!("../../bench/eager_pytorch.py");
/// Largest accepted difference of a logit.
const LOGIT_TOLERANCE: f32 = 1e-3;

/// A Python that has torch, and what it is given.
pub(super) struct Pytorch {
    python: PathBuf,
    threads: NonZeroUsize,
    passes: u32,
    /// What libtorch says here, in 32 bits, of the image.
    logits: Vec<f32>,
    exchange: TempDir,
}

/// What one run of the script took.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) version: String,
    pub(super) largest_logit_difference: f32,
    /// Of each pass, for each of [`BATCHES`].
    pub(super) ms_of_passes: Vec<Vec<f64>>,
}

/// Why PyTorch could not be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum PytorchError {
    #[error("--pytorch builds a DenseNet-121, and this model is another network; leave --pytorch out")]
    OtherNetwork,
    #[error("the weights could not be read")]
    Weights(#[from] ModelError),
    #[error("the model could not be loaded to compare its logits")]
    Load(#[from] LoadError),
    #[error("the model could not read the image to compare its logits")]
    Forward(#[from] EngineError),
    #[error("could not write {path}")]
    Exchange { path: PathBuf, source: io::Error },
    #[error("could not run {python}; name a Python that has torch by --pytorch")]
    Start { python: PathBuf, source: io::Error },
    #[error("{python} could not measure PyTorch ({status}); see its message above")]
    Script { python: PathBuf, status: ExitStatus },
    #[error(
        "{python} gave no usable answer; name a Python by --pytorch, not a program around it that prints"
    )]
    Answer { python: PathBuf, source: serde_json::Error },
    #[error(
        "PyTorch's logits differ from those of libtorch here by {largest:.1e} (allowed {LOGIT_TOLERANCE:.0e}): they do not \
         compute the same, so their times can't be compared; `hilum model check` tells whether this program is at fault"
    )]
    Differs { largest: f32 },
}

/// What the script prints.
#[derive(Deserialize)]
struct Answer {
    version: String,
    logits: Vec<f32>,
    ms_of_passes: Vec<Vec<f64>>,
}

impl Pytorch {
    /// Lays ready what the script needs; `passes` of each size will be timed, after some that are not.
    ///
    /// # Errors
    /// The model is no DenseNet-121, or can't be read.
    pub(super) fn prepare(
        python: &Path,
        folder: &ModelFolder,
        threads: NonZeroUsize,
        passes: u32,
    ) -> Result<Self, PytorchError> {
        if folder.manifest().architecture != Architecture::Densenet121 {
            return Err(PytorchError::OtherNetwork);
        }
        let exchange = tempfile::tempdir().map_err(failed_at(&std::env::temp_dir()))?;
        let [(_, image), _] = GOLDEN_INPUTS;
        let files = [
            ("eager_pytorch.py", SCRIPT.as_bytes()),
            ("weights.safetensors", &folder.read_weights()?),
            ("image.f32le", image),
        ];
        for (name, bytes) in files {
            let path = exchange.path().join(name);
            std::fs::write(&path, bytes).map_err(failed_at(&path))?;
        }
        let logits = logits_here(folder, image)?;
        Ok(Self { python: python.to_owned(), threads, passes: passes.max(1), logits, exchange })
    }

    /// Runs the script once, alone on the machine as far as this program is concerned.
    ///
    /// # Errors
    /// Python can't be started, has no torch, fails, or computes something else.
    pub(super) fn run(&self) -> Result<Run, PytorchError> {
        let python = || self.python.clone();
        // What it has to say goes to standard error, as this program's own words do.
        let mut command = self.command();
        let child = command.stderr(Stdio::inherit()).output();
        let output = child.map_err(|source| PytorchError::Start { python: python(), source })?;
        if !output.status.success() {
            return Err(PytorchError::Script { python: python(), status: output.status });
        }
        let answer = serde_json::from_slice(&output.stdout);
        let answer: Answer = answer.map_err(|source| PytorchError::Answer { python: python(), source })?;
        let largest_logit_difference = agreement(&answer.logits, &self.logits)?;
        Ok(Run { version: answer.version, largest_logit_difference, ms_of_passes: answer.ms_of_passes })
    }

    fn command(&self) -> Command {
        let file = |name: &str| self.exchange.path().join(name);
        let mut command = Command::new(&self.python);
        // -I: neither the user's packages nor PYTHON… variables take part.
        command.arg("-I").arg(file("eager_pytorch.py"));
        command.arg("--weights").arg(file("weights.safetensors")).arg("--image").arg(file("image.f32le"));
        command.args(["--threads", &self.threads.to_string(), "--passes", &self.passes.to_string()]);
        command.args(BATCHES.map(|batch| format!("--batch={batch}")));
        // As its user would run it.
        environment::withhold(&mut command);
        command
    }
}

fn logits_here(folder: &ModelFolder, image: &[u8]) -> Result<Vec<f32>, PytorchError> {
    let (values, _) = image.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let outputs = load_engine(folder, &EngineSettings::reference())?.forward(&[&values])?;
    Ok(outputs.into_iter().next().map(|output| output.logits).unwrap_or_default())
}

/// The largest difference, if it is within the tolerance; a NaN is not.
fn agreement(found: &[f32], expected: &[f32]) -> Result<f32, PytorchError> {
    let largest = largest_difference(found, expected);
    if largest <= LOGIT_TOLERANCE { Ok(largest) } else { Err(PytorchError::Differs { largest }) }
}

fn failed_at(path: &Path) -> impl FnOnce(io::Error) -> PytorchError {
    let path = path.to_owned();
    |source| PytorchError::Exchange { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_network_is_not_compared() {
        let ours = [0.5, -2.0];
        assert!(agreement(&[0.5, -2.0009], &ours).is_ok());
        for other in [&[0.5, -2.0011][..], &[0.5, f32::NAN], &[0.5], &[]] {
            let error = agreement(other, &ours).unwrap_err().to_string();
            assert!(error.contains("can't be compared") && error.contains("model check"), "{error}");
        }
    }
}
