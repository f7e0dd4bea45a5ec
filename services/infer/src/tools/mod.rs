//! The commands on model folders: make, show, check, prepare, import. Write to the given output only and start no service.

mod add_graph;
mod check;
mod error;
mod import;
mod print;
mod python;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use add_graph::{Proof, prove, write_graph};
use check::{CheckOptions, check, check_engine, on_all_cores};
use clap::Subcommand;
use hilum_models::{ModelFolder, demo::write_demo};
use import::{ImportArgs, import};
use print::Printer;

pub use error::ModelCommandError;

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

/// Runs one command; with `json` it says one object instead of text.
///
/// # Errors
/// As the variants of [`ModelCommandError`] say. A model that differs from its reference is exit code 1, not an error.
pub fn run(command: &ModelCommand, json: bool, out: &mut dyn Write) -> Result<ExitCode, ModelCommandError> {
    let mut printer = Printer::new(out, json);
    match command {
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
