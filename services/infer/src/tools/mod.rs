//! `model …`: makes, shows, checks, prepares and imports model folders. Writes to the given output only and starts no
//! service.

use clap::{Args, Subcommand};
use hilum_models::{ModelError, ModelFolder, demo::write_demo};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::chosen::SelectError;
use crate::import::{ImportArgs, ImportError, import};
use crate::load::LoadError;
use crate::model_check::{CheckOptions, check, check_engine, on_all_cores};
use crate::model_printer::Printer;
use crate::prepare::{Proof, prove, write_graph};
use crate::self_check::CheckError;

/// Models and their folders.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: ModelCommand,
}

/// What to do with a model folder.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Write the demo model: DenseNet-121 with deterministic random weights (UNTRAINED).
    Demo {
        /// The folder to write.
        dir: PathBuf,
    },
    /// Say what a model folder holds, after verifying every file's SHA-256.
    Show {
        /// The model folder.
        dir: PathBuf,
    },
    /// Load a model and compare it with its golden cases; exit code 1 if it differs.
    Check {
        /// The model folder.
        dir: PathBuf,
        /// With which engine.
        #[command(flatten)]
        options: CheckOptions,
    },
    /// Add the ONNX file that the OpenVINO engine reads, made from the same weights, and check it in fp32 and bf16; exit
    /// code 1 if it differs. Without the file the engine makes it again at each start.
    Prepare {
        /// The model folder.
        dir: PathBuf,
    },
    /// Turn downloaded torchxrayvision weights into a model folder, and check it.
    Import(ImportArgs),
}

/// Why a model command failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelCommandError {
    /// The folder was refused or could not be written.
    #[error("the model folder cannot be used")]
    Folder(#[from] ModelError),
    /// The model could not be loaded.
    #[error("the model could not be loaded")]
    Load(#[from] LoadError),
    /// The golden cases could not be run.
    #[error("the model could not be checked")]
    Check(#[source] CheckError),
    /// There is no graph for this kind of model.
    #[error(
        "only a densenet121 can be prepared; export another network to ONNX yourself and list it in model.toml with the \
         role \"onnx\""
    )]
    NotPrepared,
    /// No engine could be chosen.
    #[error("the model could not be checked")]
    Select(#[from] SelectError),
    /// The weights could not be imported.
    #[error("the weights could not be imported")]
    Import(#[from] ImportError),
    /// The output could not be written.
    #[error("could not write the output")]
    Output(#[from] std::io::Error),
}

/// Runs one model command.
///
/// # Errors
/// As the variants of [`ModelCommandError`] say. A model that differs from its reference is exit code 1, not an error.
pub fn run(args: &ModelArgs, out: &mut dyn Write) -> Result<ExitCode, ModelCommandError> {
    let mut printer = Printer::new(out, args.json);
    match &args.command {
        ModelCommand::Demo { dir } => printer.folder(&write_demo(dir)?).map(|()| ExitCode::SUCCESS),
        ModelCommand::Show { dir } => printer.folder(&ModelFolder::open(dir)?).map(|()| ExitCode::SUCCESS),
        ModelCommand::Check { dir, options } => {
            let folder = ModelFolder::open(dir)?;
            let checked = check(&folder, options)?;
            printer.check(&folder, &checked)?;
            Ok(exit_code(checked.passed))
        }
        ModelCommand::Prepare { dir } => {
            let prepared = write_graph(dir)?;
            let proofs = prove(&prepared.folder)?;
            printer.prepared(&prepared, &proofs)?;
            Ok(exit_code(proofs.iter().all(Proof::is_acceptable)))
        }
        ModelCommand::Import(import_args) => {
            let folder = import(import_args)?;
            let checked = check_engine(&folder, &on_all_cores())?;
            printer.check(&folder, &checked)?;
            Ok(exit_code(checked.passed))
        }
    }
}

fn exit_code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
