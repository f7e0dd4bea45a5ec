//! What a reading consists of: which model and engine, what they say of each label, of which part of the picture.

use serde::{Deserialize, Serialize};

use crate::ids::Sha256Digest;

/// What makes two readings of the same bytes comparable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Model name.
    pub name: String,
    /// Model version.
    pub version: String,
    /// SHA-256 of the weights file.
    pub weights_sha256: Sha256Digest,
    /// Which preprocessing, see `shared/imaging`.
    pub preprocessing_id: String,
    /// False for the demonstration network, whose outputs mean nothing.
    pub trained: bool,
}

/// What the model says of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The model's name for it.
    pub label: String,
    /// The network's raw output.
    pub logit: f32,
    /// `1 / (1 + exp(-logit))`, 0 to 1.
    pub probability: f32,
    /// Piecewise linear in the probability, 0.5 at the label's operating point, 0 to 1; `None` if the model
    /// has no threshold for the label.
    pub operating_point_score: Option<f32>,
}

/// Where in the picture a label's logit comes from: its mean plus the label's bias is the logit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationMap {
    /// The label.
    pub label: String,
    /// Rows of the map.
    pub rows: u32,
    /// Columns of the map.
    pub columns: u32,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// The square of the original picture that the model saw; pixels outside were not analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysedRegion {
    /// Width of the whole picture, pixels.
    pub picture_width: u32,
    /// Height of the whole picture, pixels.
    pub picture_height: u32,
    /// Left edge of the square, pixels.
    pub x: u32,
    /// Top edge of the square, pixels.
    pub y: u32,
    /// Side of the square, pixels.
    pub side: u32,
}

/// What computed a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// Such as `tch`.
    pub engine: String,
    /// Version of the engine.
    pub version: String,
    /// Such as `fp32`.
    pub precision: String,
    /// Such as `cpu`.
    pub device: String,
}

/// Where the time of a reading went, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadingTimes {
    /// Fetching and verifying the object.
    pub fetch_ms: f32,
    /// Bytes to pixels.
    pub decode_ms: f32,
    /// Pixels to model input.
    pub preprocess_ms: f32,
    /// Waiting for a batch and running it.
    pub forward_ms: f32,
}

/// What whoever reads the findings should know about the image, such as that its header names another body part
/// than the model was made for. Words of ours only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable word for programs, such as `other_view`.
    pub code: String,
    /// Sentence for people.
    pub text: String,
}
