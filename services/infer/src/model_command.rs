//! `model …`: makes, shows, checks and imports model folders. Writes to the given output only and starts no service.

use clap::{Args, Subcommand};
use hilum_models::{ModelError, ModelFolder, ModelIdentity, UNTRAINED_NOTICE, demo::write_demo};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::engine::EngineDescription;
use crate::import::{ImportArgs, ImportError, import};
use crate::load::{DeviceChoice, EngineSettings, LoadError, Precision, all_cores, load_engine};
use crate::self_check::{CheckError, CheckReport, self_check};

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
        /// Where to compute: cpu, cuda or cuda:N.
        #[arg(long, default_value = "cpu", env = "HILUM_DEVICE")]
        device: DeviceChoice,
        /// In which arithmetic: fp32 or bf16.
        #[arg(long, default_value = "fp32", env = "HILUM_PRECISION")]
        precision: Precision,
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
    let mut printer = Printer { out, json: args.json };
    match &args.command {
        ModelCommand::Demo { dir } => printer.folder(&write_demo(dir)?),
        ModelCommand::Show { dir } => printer.folder(&ModelFolder::open(dir)?),
        ModelCommand::Check { dir, device, precision } => {
            let settings = EngineSettings { threads: all_cores(), device: *device, precision: *precision };
            check(&ModelFolder::open(dir)?, &settings, &mut printer)
        }
        ModelCommand::Import(import_args) => {
            let folder = import(import_args)?;
            let (device, precision) = (DeviceChoice::Cpu, Precision::Fp32);
            check(&folder, &EngineSettings { threads: all_cores(), device, precision }, &mut printer)
        }
    }
}

fn check(
    folder: &ModelFolder,
    settings: &EngineSettings,
    printer: &mut Printer<'_>,
) -> Result<ExitCode, ModelCommandError> {
    let mut engine = load_engine(folder, settings)?;
    let (report, passed) = match self_check(engine.as_mut(), folder) {
        Ok(report) => (report, true),
        Err(CheckError::Differs(report)) => (report, false),
        Err(error) => return Err(ModelCommandError::Check(error)),
    };
    printer.check(&CheckLine {
        model: folder.identity(),
        notice: folder.identity().notice(),
        dir: folder.path(),
        engine: engine.description(),
        report,
        passed,
    })?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Serialize)]
struct FolderLine<'a> {
    model: ModelIdentity,
    notice: Option<&'static str>,
    dir: &'a Path,
    task: &'a str,
    licence: &'a str,
    labels: &'a [String],
    golden_cases: usize,
}

#[derive(Serialize)]
struct CheckLine<'a> {
    model: ModelIdentity,
    notice: Option<&'static str>,
    dir: &'a Path,
    engine: EngineDescription,
    #[serde(flatten)]
    report: CheckReport,
    passed: bool,
}

struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

impl Printer<'_> {
    fn folder(&mut self, folder: &ModelFolder) -> Result<ExitCode, ModelCommandError> {
        let (model, manifest) = (folder.identity(), folder.manifest());
        let golden_cases = folder.golden_cases()?.len();
        let line = FolderLine {
            notice: model.notice(),
            model,
            dir: folder.path(),
            task: &manifest.task,
            licence: &manifest.licence,
            labels: &manifest.labels,
            golden_cases,
        };
        if self.json {
            self.json(&line)?;
            return Ok(ExitCode::SUCCESS);
        }
        self.head(&line.model, line.dir)?;
        writeln!(self.out, "task           {}", line.task)?;
        writeln!(self.out, "licence        {}", line.licence)?;
        writeln!(self.out, "golden cases   {golden_cases}")?;
        writeln!(self.out, "labels         {}", line.labels.join(", "))?;
        Ok(ExitCode::SUCCESS)
    }

    fn check(&mut self, line: &CheckLine<'_>) -> std::io::Result<()> {
        if self.json {
            return self.json(line);
        }
        self.head(&line.model, line.dir)?;
        let EngineDescription { engine, version, precision, device } = &line.engine;
        writeln!(self.out, "engine         {engine} ({version}), {precision} on {device}")?;
        let report = &line.report;
        writeln!(self.out, "golden cases   {}", report.cases)?;
        writeln!(self.out, "largest difference of a logit  {:.1e}", report.largest_logit_difference)?;
        writeln!(self.out, "largest difference of a map    {:.1e}", report.largest_map_difference)?;
        writeln!(self.out, "largest difference of a score  {:.1e}", report.largest_score_difference)?;
        let verdict =
            if line.passed { "the model matches its reference" } else { "FAILED: the model differs" };
        writeln!(self.out, "{verdict}")
    }

    fn head(&mut self, model: &ModelIdentity, dir: &Path) -> std::io::Result<()> {
        if !model.trained {
            writeln!(self.out, "{UNTRAINED_NOTICE}")?;
        }
        writeln!(
            self.out,
            "model          {} version {} ({})",
            model.name, model.version, model.architecture
        )?;
        writeln!(self.out, "folder         {}", dir.display())?;
        writeln!(self.out, "weights        SHA-256 {}", model.weights_sha256)?;
        writeln!(self.out, "preprocessing  {}", model.preprocessing_id)
    }

    fn json(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        serde_json::to_writer(&mut *self.out, line)?;
        writeln!(self.out)
    }
}
