//! `model prepare`: writes what the OpenVINO engine needs into a model folder, and shows that it computes the same.

use std::path::Path;

use hilum_models::{Added, Architecture, FileRole, ModelFolder, NewFile, add_file, onnx};
use serde::Serialize;

use crate::engine::load_error::LoadError;
use crate::engine::openvino;
use crate::engine::settings::{EngineKind, EngineSettings, Precision};
use crate::tools::check::Checked;
use crate::tools::check::{check_engine, on_all_cores};
use crate::tools::error::ModelCommandError;

/// The ONNX file's name inside the folder.
const FILE: &str = "densenet121.onnx";

/// A model folder with its ONNX file.
pub(crate) struct Prepared {
    pub(crate) folder: ModelFolder,
    pub(crate) file: &'static str,
    pub(crate) added: Added,
}

/// Writes the ONNX file of a DenseNet-121 into its folder. A second time it changes nothing.
pub(crate) fn write_graph(dir: &Path) -> Result<Prepared, ModelCommandError> {
    let folder = ModelFolder::open(dir)?;
    let manifest = folder.manifest();
    if manifest.architecture != Architecture::Densenet121 {
        return Err(ModelCommandError::NotPrepared);
    }
    let bytes = onnx::densenet121(&folder.read_weights()?, manifest.labels.len())?;
    let file = NewFile { name: FILE.to_owned(), role: FileRole::Onnx, bytes };
    let (folder, added) = add_file(&folder, &file)?;
    Ok(Prepared { folder, file: FILE, added })
}

/// What OpenVINO computes with the folder in one arithmetic.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Proof {
    /// It runs here, and computes as the reference or not.
    Checked(Checked),
    /// It does not run here.
    Unavailable {
        /// In which arithmetic.
        precision: &'static str,
        /// For the operator.
        reason: String,
    },
}

impl Proof {
    /// False only if it runs and differs.
    pub(crate) fn is_acceptable(&self) -> bool {
        !matches!(self, Self::Checked(Checked { passed: false, .. }))
    }
}

/// Runs the golden cases in 32 and in 16 bits.
pub(crate) fn prove(folder: &ModelFolder) -> Result<Vec<Proof>, ModelCommandError> {
    [Precision::Fp32, Precision::Bf16].into_iter().map(|precision| prove_one(folder, precision)).collect()
}

fn prove_one(folder: &ModelFolder, precision: Precision) -> Result<Proof, ModelCommandError> {
    let unavailable = |reason| Ok(Proof::Unavailable { precision: precision.as_str(), reason });
    if let Err(reason) = openvino::is_available() {
        return unavailable(reason);
    }
    match check_engine(folder, &EngineSettings { kind: EngineKind::Openvino, precision, ..on_all_cores() }) {
        Ok(checked) => Ok(Proof::Checked(checked)),
        // A processor without bf16.
        Err(ModelCommandError::Load(LoadError::Precision { reason })) => unavailable(reason),
        Err(error) => Err(error),
    }
}
