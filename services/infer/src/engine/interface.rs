//! The port behind which a network runs. Knows neither libtorch nor the service around it.

use serde::{Deserialize, Serialize};

/// A loaded network. Calls are serial; the worker gives each engine a thread of its own. What a library sets up for a
/// thread is set up at that thread's first forward pass: an engine may be loaded on one thread and used on another.
pub trait Engine: Send {
    /// Reads a batch; the outputs come in the order of the inputs.
    ///
    /// Each input is row-major, [`Engine::input_len`] values in the model's value range.
    ///
    /// # Errors
    /// The whole batch failed; the caller may try its items one by one.
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError>;

    /// Values of one input.
    fn input_len(&self) -> usize;

    /// What computes, for the record of each reading.
    fn description(&self) -> EngineDescription;

    /// Another engine over the same weights that can compute at the same time as this one.
    ///
    /// # Errors
    /// The engine's library gives no other.
    fn replica(&self) -> Result<Box<dyn Engine>, EngineError>;

    /// The memory of one copy in bytes, if the engine only pretends to take it; else it is measured.
    fn declared_footprint_bytes(&self) -> Option<u64> {
        None
    }
}

/// What computed a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineDescription {
    /// For example `tch`.
    pub engine: String,
    /// Version of the engine's library.
    pub version: String,
    /// Arithmetic, for example `fp32`.
    pub precision: String,
    /// `cpu` or `cuda:0` …
    pub device: String,
}

/// What the network says about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// One per label.
    pub logits: Vec<f32>,
    /// Class activation maps of all labels, if the network gives them.
    pub maps: Option<ActivationMaps>,
}

/// Class activation maps: how much each cell of the last feature maps adds to each label's logit.
///
/// CAM_c = Σ_k W\[c,k\]·relu(features)_k (Zhou et al. 2016, arXiv 1512.04150). For a network that ends in ReLU, global
/// average pooling and a linear layer, the mean of a map plus the label's bias is its logit.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationMaps {
    /// Rows of each map.
    pub height: usize,
    /// Columns of each map.
    pub width: usize,
    /// Label by label, each row-major.
    pub values: Vec<f32>,
}

impl ActivationMaps {
    /// The map of one label, row-major height × width.
    pub fn of(&self, label_index: usize) -> Option<&[f32]> {
        let cells = self.height * self.width;
        self.values.chunks_exact(cells.max(1)).nth(label_index)
    }
}

/// Why an image got no output.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The input has the wrong number of values.
    #[error("the input has {found} values where the model takes {expected}")]
    InputSize {
        /// side × side.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// The input holds a NaN or an infinity.
    #[error("the input is not finite at value {position}")]
    InputNotFinite {
        /// Row-major position of the first such value.
        position: usize,
    },
    /// The network failed.
    #[error("the model failed: {reason}")]
    Forward {
        /// What the engine's library said.
        reason: String,
    },
    /// The engine broke an invariant while it read this image.
    #[error("the model panicked on this image")]
    Panicked,
    /// The thread of the engine has ended; a new process must take over.
    #[error("the model's thread has ended")]
    WorkerGone,
}

impl EngineError {
    /// True if another attempt cannot end otherwise: the image itself is what the model cannot read.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::InputSize { .. } | Self::InputNotFinite { .. })
    }
}
