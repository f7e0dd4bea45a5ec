//! Why a model could not be loaded, whichever engine was to load it.

use hilum_models::ModelError;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder was refused.
    #[error("the model folder was refused")]
    Folder(#[from] ModelError),
    /// The weights are no safetensors file.
    #[error("the weights are not a readable safetensors file")]
    Safetensors(#[source] safetensors::SafeTensorError),
    /// A tensor of the weights does not fit the network.
    #[error("the weights do not fit the network: {name} {reason}")]
    Tensor {
        /// As in the state dict.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest asks for an input that the built-in network does not take.
    #[error("the built-in densenet121 takes {expected} pixels a side, model.toml says {found}")]
    InputSide {
        /// What the network takes.
        expected: usize,
        /// What the manifest says.
        found: u32,
    },
    /// The device is not there.
    #[error(
        "CUDA device {index} is not available to this libtorch; set the device to cpu or install the CUDA libtorch"
    )]
    NoCuda {
        /// As asked for.
        index: usize,
    },
    /// The engine has no such arithmetic for this model or device.
    #[error("{reason}")]
    Precision {
        /// What can be chosen instead.
        reason: String,
    },
    /// The engine's library is not here, or does not read this kind of model.
    #[error("{engine} is not available: {reason}")]
    Unavailable {
        /// For example `openvino`.
        engine: &'static str,
        /// What is missing, and where it comes from.
        reason: String,
    },
    /// The engine's library failed.
    #[error("{library} could not load the model: {reason}")]
    Library {
        /// For example `libtorch`.
        library: &'static str,
        /// What it said.
        reason: String,
    },
}
