//! A file of a model folder as `model.toml` lists it.

use serde::{Deserialize, Serialize};

/// What a file of the folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    /// The weights; exactly one file.
    Weights,
    /// Expected outputs of the golden cases; at most one file.
    Golden,
    /// Input tensor of a golden case.
    GoldenInput,
    /// The same network as an ONNX graph, for the OpenVINO engine; at most one file. It takes one float32 input
    /// `[batch, 1, side, side]` with a batch of any size and gives `logits` `[batch, labels]` and, if it likes, `maps`
    /// `[batch, labels, height, width]`.
    Onnx,
    /// For people: licence text, model card.
    Document,
}

impl FileRole {
    /// As written in `model.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Golden => "golden",
            Self::GoldenInput => "golden-input",
            Self::Onnx => "onnx",
            Self::Document => "document",
        }
    }
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path inside the folder, with `/`.
    pub name: String,
    /// What it is for.
    pub role: FileRole,
    /// Of its bytes, 64 lower-case hex digits.
    pub sha256: String,
}
