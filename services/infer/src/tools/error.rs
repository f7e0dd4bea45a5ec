//! Why a command on a model folder failed.

use hilum_models::ModelError;

use crate::choice::chosen::SelectError;
use crate::choice::self_check::CheckError;
use crate::engine::load_error::LoadError;
use crate::tools::import::ImportError;

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
