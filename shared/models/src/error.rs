//! Why a model folder was refused or could not be written.

use std::path::PathBuf;

/// A model folder that cannot be used, or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the folder is missing or unreadable.
    #[error("could not read {path} of the model folder; is it there and readable?")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A file is larger than anything a model should carry.
    #[error("{file} is larger than {limit_bytes} bytes, the most that is read for such a file")]
    TooLarge {
        /// Name as listed in `model.toml`.
        file: String,
        /// The bound.
        limit_bytes: u64,
    },
    /// `model.toml` is not TOML, or lacks a field, or has one that is not known.
    #[error("model.toml does not parse")]
    Parse(#[source] Box<toml::de::Error>),
    /// A field of `model.toml` contradicts another or is out of range.
    #[error("model.toml: `{field}` {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A listed file name leaves the folder.
    #[error("model.toml lists the file {name:?}; only plain paths inside the model folder are allowed")]
    FileOutside {
        /// The name as listed.
        name: String,
    },
    /// A file is not the one the manifest was written for.
    #[error(
        "{file} was changed: expected SHA-256 {expected}, found {found}; fetch or import the model again"
    )]
    Changed {
        /// Name as listed in `model.toml`.
        file: String,
        /// The hash in `model.toml`, hex.
        expected: String,
        /// The hash of the bytes on disk, hex.
        found: String,
    },
    /// The golden cases are not usable.
    #[error("golden cases: {reason}")]
    Golden {
        /// What is wrong.
        reason: String,
    },
    /// The golden cases are not JSON of the expected form.
    #[error("golden cases do not parse")]
    GoldenParse(#[source] serde_json::Error),
    /// The folder could not be written.
    #[error("could not write {path}")]
    Write {
        /// File or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// There is something else where the folder should be written.
    #[error("{path} already exists and is not this model; choose another folder or remove it")]
    Occupied {
        /// The target folder.
        path: PathBuf,
    },
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
    /// Tensors could not be put into the safetensors form.
    #[error("could not serialise the weights")]
    Weights(#[source] safetensors::SafeTensorError),
    /// `model.toml` can't be edited.
    #[error("model.toml could not be edited")]
    Edit(#[source] Box<toml_edit::TomlError>),
    /// The manifest could not be put into TOML.
    #[error("could not serialise model.toml")]
    Serialise(#[source] toml::ser::Error),
}
