//! `model check`: one engine against the golden cases, or the whole choice of an engine when it is left open. Shows
//! nothing itself.

use std::path::PathBuf;

use clap::Args;
use hilum_models::ModelFolder;
use serde::Serialize;

use crate::choice::candidates::Wanted;
use crate::choice::chosen::Candidate;
use crate::choice::select::choose;
use crate::choice::self_check::{CheckError, CheckReport, self_check};
use crate::engine::EngineDescription;
use crate::engine::load::load_engine;
use crate::engine::openvino;
use crate::engine::settings::{Choice, DeviceChoice, EngineKind, EngineSettings, Precision, all_cores};
use crate::tools::error::ModelCommandError;

/// What to check a model with.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// What computes: tch, openvino, or auto to see which engine would be chosen here and why.
    #[arg(long, default_value = "tch", env = "HILUM_ENGINE")]
    engine: Choice<EngineKind>,
    /// Where to compute: cpu, cuda, cuda:N or auto.
    #[arg(long, default_value = "cpu", env = "HILUM_DEVICE")]
    device: Choice<DeviceChoice>,
    /// In which arithmetic: fp32, bf16, fp16 or auto.
    #[arg(long, default_value = "fp32", env = "HILUM_PRECISION")]
    precision: Choice<Precision>,
    /// OpenVINO's libopenvino_c.so, if it is not where `make setup` puts it.
    #[arg(long, value_name = "PATH", env = "HILUM_OPENVINO_LIBRARY")]
    openvino_library: Option<PathBuf>,
}

/// How an engine compares with the reference on the golden cases.
#[derive(Serialize)]
pub(crate) struct Checked {
    pub(crate) engine: EngineDescription,
    #[serde(flatten)]
    pub(crate) report: CheckReport,
    pub(crate) passed: bool,
    /// What came into question, if it was left open which engine to check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) candidates: Vec<Candidate>,
}

/// Runs the golden cases as the options say.
pub(crate) fn check(folder: &ModelFolder, options: &CheckOptions) -> Result<Checked, ModelCommandError> {
    if let Some(path) = &options.openvino_library {
        openvino::use_library(path);
    }
    let CheckOptions { engine, device, precision, .. } = *options;
    if let (Some(kind), Some(device), Some(precision)) = (engine.only(), device.only(), precision.only()) {
        let settings = EngineSettings { kind, device, precision, ..on_all_cores() };
        return check_engine(folder, &settings);
    }
    let chosen = choose(folder, &Wanted { engine, device, precision, ..Wanted::automatic(all_cores()) })?;
    let (Some(first), Some(report)) = (chosen.engines.first(), chosen.report) else {
        return Err(ModelCommandError::Check(CheckError::NoCases));
    };
    let candidates = chosen.candidates;
    Ok(Checked { engine: first.description(), report, passed: report.passes(), candidates })
}

/// Runs the golden cases with one engine.
pub(crate) fn check_engine(
    folder: &ModelFolder,
    settings: &EngineSettings,
) -> Result<Checked, ModelCommandError> {
    let mut engine = load_engine(folder, settings)?;
    let (report, passed) = match self_check(engine.as_mut(), folder) {
        Ok(report) => (report, true),
        Err(CheckError::Differs(report)) => (report, false),
        Err(error) => return Err(ModelCommandError::Check(error)),
    };
    Ok(Checked { engine: engine.description(), report, passed, candidates: Vec::new() })
}

pub(crate) fn on_all_cores() -> EngineSettings {
    EngineSettings { threads: all_cores(), ..EngineSettings::reference() }
}
