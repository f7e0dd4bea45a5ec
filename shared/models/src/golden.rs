//! Golden cases: inputs with the outputs that a reference implementation computed from the same weights. Compares
//! nothing; the engine's side does.

use serde::{Deserialize, Serialize};

use crate::{Manifest, ModelError};

const MAX_CASES: usize = 64;

/// The `golden.json` of a model folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// What computed the outputs, with versions.
    pub reference: String,
    /// The labels the outputs were computed for, in order.
    pub labels: Vec<String>,
    /// The operating points the scores were computed with; null where there is none.
    pub op_threshs: Vec<Option<f64>>,
    /// The cases.
    pub cases: Vec<GoldenCaseEntry>,
}

/// One case as stored; the input is a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCaseEntry {
    /// For messages.
    pub name: String,
    /// Name of the input file: float32, little endian, row-major, side × side.
    pub tensor: String,
    /// One per label.
    pub logits: Vec<f32>,
    /// One per label, 0 to 1, 0.5 at the operating point.
    pub operating_point_scores: Vec<f32>,
    /// Class activation maps of some labels.
    #[serde(default)]
    pub maps: Vec<GoldenMap>,
}

/// Expected class activation map of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenMap {
    /// Position of the label.
    pub label_index: usize,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// Row-major, height × width.
    pub values: Vec<f32>,
}

/// One case with its input.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenCase {
    /// For messages.
    pub name: String,
    /// Row-major, side × side, in the manifest's value range.
    pub input: Vec<f32>,
    /// One per label.
    pub logits: Vec<f32>,
    /// One per label.
    pub operating_point_scores: Vec<f32>,
    /// Class activation maps of some labels.
    pub maps: Vec<GoldenMap>,
}

impl GoldenFile {
    /// Joins the cases with their inputs and checks that they fit the manifest.
    pub(crate) fn resolve(
        self,
        manifest: &Manifest,
        read: impl Fn(&str) -> Result<Vec<u8>, ModelError>,
    ) -> Result<Vec<GoldenCase>, ModelError> {
        check(self.labels == manifest.labels, || {
            "they were made for other labels than model.toml has".to_owned()
        })?;
        let thresholds = manifest.op_threshs.iter().map(|value| (!value.is_nan()).then_some(*value));
        check(self.op_threshs.iter().copied().eq(thresholds), || {
            "they were made with other thresholds than model.toml has".to_owned()
        })?;
        check(self.cases.len() <= MAX_CASES, || format!("there are more than {MAX_CASES}"))?;
        self.cases.into_iter().map(|case| case.resolve(manifest, &read)).collect()
    }
}

impl GoldenCaseEntry {
    fn resolve(
        self,
        manifest: &Manifest,
        read: impl Fn(&str) -> Result<Vec<u8>, ModelError>,
    ) -> Result<GoldenCase, ModelError> {
        let labels = manifest.labels.len();
        let counts = [self.logits.len(), self.operating_point_scores.len()];
        check(counts == [labels, labels], || {
            format!("{} has {counts:?} logits and scores for {labels} labels", self.name)
        })?;
        for map in &self.maps {
            let fits =
                map.label_index < labels && map.height.checked_mul(map.width) == Some(map.values.len());
            check(fits, || format!("{} has a map of the wrong size or label", self.name))?;
        }
        let input =
            tensor_from_bytes(&read(&self.tensor)?).filter(|input| input.len() == manifest.input_len());
        let input = input.ok_or_else(|| ModelError::Golden {
            reason: format!("{} is not a tensor of {} float32", self.tensor, manifest.input_len()),
        })?;
        let Self { name, logits, operating_point_scores, maps, .. } = self;
        Ok(GoldenCase { name, input, logits, operating_point_scores, maps })
    }
}

/// Little-endian float32 values; `None` if the length is no multiple of 4.
pub fn tensor_from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

fn check(holds: bool, reason: impl FnOnce() -> String) -> Result<(), ModelError> {
    if holds { Ok(()) } else { Err(ModelError::Golden { reason: reason() }) }
}
