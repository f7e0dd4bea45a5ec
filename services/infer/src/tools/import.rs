//! Turns torchxrayvision's weights, a pickled Python module, into a model folder. Python runs once, here; whoever reads
//! with the model needs none of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use hilum_models::demo::{GOLDEN_INPUTS, GOLDEN_README};
use hilum_models::{FileRole, Manifest, ModelError, ModelFolder, NewFile, sha256_hex, write_folder};
use serde::Deserialize;

use crate::tools::python::{Python, PythonError};

/// Of `nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-…-best.pt`, weights set `densenet121-res224-all`.
const WEIGHTS_SHA256: &str = "56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899";
const SCRIPT: &str = include_str!("../../import/import_torchxrayvision.py");
const LICENCE: &str = "Apache-2.0 (torchxrayvision, Cohen et al., arXiv 2111.00595); the data sets it was trained on \
                       have terms of their own; not a medical device";

/// Which weights to import, and where to.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The downloaded weights file (.pt).
    pub weights: PathBuf,
    /// The model folder to write.
    pub dir: PathBuf,
    /// Expected SHA-256 of the weights file. It is a program that is run: give another value only for a file you trust.
    #[arg(long, default_value = WEIGHTS_SHA256)]
    pub sha256: String,
    /// Name of the weights in torchxrayvision; decides labels and operating points.
    #[arg(long, default_value = "densenet121-res224-all")]
    pub weights_set: String,
    /// Name of the model; the weights set if not given.
    #[arg(long)]
    pub name: Option<String>,
    /// Version of the model.
    #[arg(long, default_value = "1")]
    pub model_version: String,
    /// The weights are random: mark every output UNTRAINED.
    #[arg(long)]
    pub untrained: bool,
    /// A Python that has torch, torchxrayvision and safetensors; otherwise they are installed in the cache folder.
    #[arg(long, env = "HILUM_IMPORT_PYTHON")]
    pub python: Option<PathBuf>,
}

/// Why weights could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The weights file is unreadable.
    #[error("could not read the weights file {path}")]
    ReadWeights {
        /// As given.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The weights file is not the expected one.
    #[error(
        "{path} is not the expected weights file: expected SHA-256 {expected}, found {found} ({len_bytes} bytes); \
         download it again, or give --sha256 for another file that you trust"
    )]
    OtherWeights {
        /// As given.
        path: PathBuf,
        /// Hex.
        expected: String,
        /// Hex.
        found: String,
        /// Size of the file.
        len_bytes: usize,
    },
    /// The Python for the conversion could not be set up.
    #[error("could not set up Python for the conversion")]
    Python(#[from] PythonError),
    /// A file for or from the conversion failed.
    #[error("could not use {path}")]
    Exchange {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The conversion said no; its reason is on standard error.
    #[error("the conversion failed ({status}); see its message above")]
    Conversion {
        /// Exit status.
        status: std::process::ExitStatus,
    },
    /// The conversion wrote something unexpected.
    #[error("the conversion wrote no usable model.json")]
    Description(#[source] serde_json::Error),
    /// The model folder could not be written.
    #[error("could not write the model folder")]
    Folder(#[from] ModelError),
}

/// What the script says about the weights.
#[derive(Deserialize)]
struct Description {
    labels: Vec<String>,
    op_threshs: Vec<Option<f64>>,
}

/// Converts the weights and writes the model folder with golden outputs of the reference implementation. Blocks, and
/// installs up to 5 GB of Python packages the first time if no Python is given.
///
/// # Errors
/// The weights are not the expected ones, Python fails, or the folder cannot be written.
pub(super) fn import(args: &ImportArgs) -> Result<ModelFolder, ImportError> {
    verify(args)?;
    let python = match &args.python {
        Some(program) => Python::existing(program.clone()),
        None => Python::in_cache()?,
    };
    let exchange = tempfile::tempdir().map_err(failed_at(&std::env::temp_dir()))?;
    convert(args, &python, exchange.path())?;
    let description = read(exchange.path(), "model.json")?;
    let description = serde_json::from_slice(&description).map_err(ImportError::Description)?;
    let files = files(exchange.path())?;
    Ok(write_folder(&args.dir, manifest(args, description), &files)?)
}

/// Before anything is downloaded; the script compares the bytes it loads once more.
fn verify(args: &ImportArgs) -> Result<(), ImportError> {
    let failed = |source| ImportError::ReadWeights { path: args.weights.clone(), source };
    let bytes = std::fs::read(&args.weights).map_err(failed)?;
    let found = sha256_hex(&bytes);
    if found == args.sha256 {
        return Ok(());
    }
    let (path, expected) = (args.weights.clone(), args.sha256.clone());
    Err(ImportError::OtherWeights { path, expected, found, len_bytes: bytes.len() })
}

fn convert(args: &ImportArgs, python: &Python, exchange: &Path) -> Result<(), ImportError> {
    let script = exchange.join("import_torchxrayvision.py");
    std::fs::write(&script, SCRIPT).map_err(failed_at(&script))?;
    let mut command = Command::new(&python.program);
    // -I: neither the user's packages nor PYTHON… variables take part.
    command.arg("-I").arg(&script).arg(&args.weights).arg("--out").arg(exchange);
    command.args(["--sha256", &args.sha256, "--weights-set", &args.weights_set]);
    if let Some(packages) = &python.packages {
        command.arg("--packages").arg(packages);
    }
    for (name, bytes) in GOLDEN_INPUTS {
        let path = exchange.join(name.replace('/', "_"));
        std::fs::write(&path, bytes).map_err(failed_at(&path))?;
        command.arg(format!("--golden={name}={}", path.display()));
    }
    let status = command.status().map_err(failed_at(&python.program))?;
    if status.success() { Ok(()) } else { Err(ImportError::Conversion { status }) }
}

fn files(exchange: &Path) -> Result<Vec<NewFile>, ImportError> {
    let file = |name: &str, role, bytes| NewFile { name: name.to_owned(), role, bytes };
    let mut files = vec![
        file("weights.safetensors", FileRole::Weights, read(exchange, "weights.safetensors")?),
        file("golden/golden.json", FileRole::Golden, read(exchange, "golden.json")?),
        file("golden/README.md", FileRole::Document, GOLDEN_README.to_vec()),
    ];
    files.extend(GOLDEN_INPUTS.map(|(name, bytes)| file(name, FileRole::GoldenInput, bytes.to_vec())));
    Ok(files)
}

fn manifest(args: &ImportArgs, description: Description) -> Manifest {
    let op_threshs = description.op_threshs.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    Manifest {
        name: args.name.clone().unwrap_or_else(|| args.weights_set.clone()),
        version: args.model_version.clone(),
        trained: !args.untrained,
        licence: LICENCE.to_owned(),
        ..Manifest::chest_densenet121(description.labels, op_threshs)
    }
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, ImportError> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(failed_at(&path))
}

fn failed_at(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    let path = path.to_owned();
    |source| ImportError::Exchange { path, source }
}
