//! What a reading consists of: which model and engine, what they say of each label, of which part of the picture.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::ids::Sha256Digest;

/// What makes two readings of the same bytes comparable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

/// What judged an image: which release of the decoder and the rules' code, which model, and the model's rules of what it
/// reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReaderIdentity {
    /// Release of Hilum, such as `0.1.0`.
    pub release: String,
    /// The model.
    pub model: ModelIdentity,
    /// SHA-256 of the model's header rules, which can be mended without a new version of the model.
    pub rules_sha256: Sha256Digest,
}

impl ReaderIdentity {
    /// Whether an image that `earlier` could not read may be readable now: this one is of a later release, or of the same
    /// one with other rules. `None` stands for the releases that did not say who they were.
    pub fn may_know_more_than(&self, earlier: Option<&Self>) -> bool {
        let Some(earlier) = earlier else { return true };
        match release_order(&self.release).cmp(&release_order(&earlier.release)) {
            Ordering::Greater => true,
            Ordering::Equal => self.rules_sha256 != earlier.rules_sha256,
            Ordering::Less => false,
        }
    }
}

/// The numbers of a release, by which releases are told from earlier ones: what follows a hyphen does not count, and what
/// is no number comes before all others.
fn release_order(release: &str) -> Vec<u64> {
    let numbers = release.split(['-', '+']).next().unwrap_or_default();
    numbers.split('.').map(str::parse).collect::<Result<_, _>>().unwrap_or_default()
}

/// What the model says of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The model's name for it.
    pub label: String,
    /// The network's raw output.
    pub logit: f32,
    /// `1 / (1 + exp(-logit))`, 0 to 1.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1))]
    pub probability: f32,
    /// Piecewise linear in the probability, 0.5 at the label's operating point, 0 to 1; `None` if the model
    /// has no threshold for the label.
    #[cfg_attr(feature = "schema", schema(required, minimum = 0, maximum = 1))]
    pub operating_point_score: Option<f32>,
}

/// Where in the picture a label's logit comes from: its mean plus the label's bias is the logit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Notice {
    /// Stable word for programs, such as `other_view`.
    pub code: String,
    /// Sentence for people.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_later_release_or_other_rules_of_the_same_one_may_know_more() {
        let reader = |release: &str, rules: &[u8]| ReaderIdentity {
            release: release.to_owned(),
            rules_sha256: Sha256Digest::of(rules),
            ..samples::reader()
        };
        let ours = reader("0.10.0", b"rules");
        for (earlier, expected) in [
            (reader("0.9.3", b"rules"), true),
            (reader("0.9.3", b"others"), true),
            (reader("0.10.0", b"others"), true),
            (reader("0.10.0-rc.1", b"rules"), false),
            (reader("0.10.0", b"rules"), false),
            (reader("0.11.0", b"rules"), false),
            (reader("0.11.0", b"others"), false),
            (reader("of a branch", b"rules"), true),
        ] {
            assert_eq!(ours.may_know_more_than(Some(&earlier)), expected, "{}", earlier.release);
        }
        assert!(ours.may_know_more_than(None));
    }
}
