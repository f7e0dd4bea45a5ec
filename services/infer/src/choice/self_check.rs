//! Proves a loaded model on the golden cases of its folder before it reads anything else.

use hilum_models::{GoldenCase, ModelError, ModelFolder};
use serde::Serialize;

use crate::engine::settings::Precision;
use crate::engine::{Engine, EngineError, Output};
use crate::scores::{operating_point_score, sigmoid};

/// Largest accepted difference of a logit in 32 bits.
pub const LOGIT_TOLERANCE: f32 = 1e-4;
/// Largest accepted difference of a cell of an activation map in 32 bits.
pub const MAP_TOLERANCE: f32 = 1e-3;
/// Largest accepted difference of a probability in 32 bits.
pub const PROBABILITY_TOLERANCE: f32 = 1e-4;
/// Largest accepted difference of a logit in 16 bits.
pub const HALF_LOGIT_TOLERANCE: f32 = 0.05;
/// Largest accepted difference of a probability in 16 bits.
pub const HALF_PROBABILITY_TOLERANCE: f32 = 0.01;
/// Largest accepted difference of a cell of an activation map in 16 bits.
pub const HALF_MAP_TOLERANCE: f32 = 0.2;
/// Largest accepted difference of an operating-point score computed from the expected logits.
pub const SCORE_TOLERANCE: f32 = 1e-4;

/// How far a model is from its reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CheckReport {
    /// Golden cases that were run.
    pub cases: usize,
    /// Over all cases and labels.
    pub largest_logit_difference: f32,
    /// Over all cases and labels, of the probability that follows from the logit.
    pub largest_probability_difference: f32,
    /// Over all cells of all expected maps.
    pub largest_map_difference: f32,
    /// Largest difference of a score that follows from the expected logits: above 0 when labels or thresholds were changed.
    pub largest_score_difference: f32,
    /// Largest accepted difference of a logit.
    pub logit_tolerance: f32,
    /// Largest accepted difference of a probability.
    pub probability_tolerance: f32,
    /// Largest accepted difference of a cell of a map.
    pub map_tolerance: f32,
}

impl CheckReport {
    fn new(engine: &dyn Engine, cases: usize) -> Self {
        let is_exact = engine.description().precision == Precision::Fp32.as_str();
        let tolerance = |exact, half| if is_exact { exact } else { half };
        Self {
            cases,
            largest_logit_difference: 0.0,
            largest_probability_difference: 0.0,
            largest_map_difference: 0.0,
            largest_score_difference: 0.0,
            logit_tolerance: tolerance(LOGIT_TOLERANCE, HALF_LOGIT_TOLERANCE),
            probability_tolerance: tolerance(PROBABILITY_TOLERANCE, HALF_PROBABILITY_TOLERANCE),
            map_tolerance: tolerance(MAP_TOLERANCE, HALF_MAP_TOLERANCE),
        }
    }

    /// True if every difference is within its tolerance; a NaN is not.
    pub fn passes(&self) -> bool {
        self.largest_logit_difference <= self.logit_tolerance
            && self.largest_probability_difference <= self.probability_tolerance
            && self.largest_map_difference <= self.map_tolerance
            && self.largest_score_difference <= SCORE_TOLERANCE
    }
}

/// Why a model did not prove itself.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The folder has no usable cases.
    #[error("the golden cases could not be read")]
    Folder(#[from] ModelError),
    /// Nothing to prove the model with.
    #[error("the model folder has no golden cases; import the model again, or add a golden.json")]
    NoCases,
    /// A golden case could not be read by the model.
    #[error("the model failed on the golden case {case}")]
    Forward {
        /// The name of the case.
        case: String,
        /// What the engine says.
        source: EngineError,
    },
    /// The engine gives no maps, or smaller ones.
    #[error("the model gave no map of the expected size for the golden case {case}")]
    NoMap {
        /// Its name.
        case: String,
    },
    /// The model computes something else than its reference did.
    #[error(
        "it differs from the reference by more than allowed: logits by {:.1e} (allowed {:.0e}), probabilities by {:.1e} \
         (allowed {:.0e}), maps by {:.1e} (allowed {:.0e}), scores by {:.1e} (allowed {SCORE_TOLERANCE:.0e})",
        .0.largest_logit_difference, .0.logit_tolerance,
        .0.largest_probability_difference, .0.probability_tolerance,
        .0.largest_map_difference, .0.map_tolerance, .0.largest_score_difference
    )]
    Differs(CheckReport),
}

/// Runs all golden cases of `folder` through `engine`.
///
/// # Errors
/// There are none, one fails, or a difference is larger than its tolerance ([`CheckError::Differs`]).
pub fn self_check(engine: &mut dyn Engine, folder: &ModelFolder) -> Result<CheckReport, CheckError> {
    let cases = folder.golden_cases()?;
    if cases.is_empty() {
        return Err(CheckError::NoCases);
    }
    let thresholds = folder.manifest().op_threshs_f32();
    let mut report = CheckReport::new(engine, cases.len());
    for case in &cases {
        let output = forward_one(engine, case)?;
        let logits = largest_difference(&output.logits, &case.logits);
        let probabilities = |logits: &[f32]| logits.iter().map(|logit| sigmoid(*logit)).collect::<Vec<_>>();
        let chances = largest_difference(&probabilities(&output.logits), &probabilities(&case.logits));
        let scores = case.logits.iter().zip(&thresholds).map(|(x, t)| operating_point_score(sigmoid(*x), *t));
        let scores = largest_difference(&scores.collect::<Vec<_>>(), &case.operating_point_scores);
        report.largest_logit_difference = worse(report.largest_logit_difference, logits);
        report.largest_probability_difference = worse(report.largest_probability_difference, chances);
        report.largest_score_difference = worse(report.largest_score_difference, scores);
        report.largest_map_difference = worse(report.largest_map_difference, map_difference(&output, case)?);
    }
    if report.passes() { Ok(report) } else { Err(CheckError::Differs(report)) }
}

fn forward_one(engine: &mut dyn Engine, case: &GoldenCase) -> Result<Output, CheckError> {
    let failed = |source| CheckError::Forward { case: case.name.clone(), source };
    let outputs = engine.forward(&[&case.input]).map_err(failed)?;
    let missing = || failed(EngineError::Forward { reason: "it gave no output".to_owned() });
    outputs.into_iter().next().ok_or_else(missing)
}

fn map_difference(output: &Output, case: &GoldenCase) -> Result<f32, CheckError> {
    let mut largest = 0.0;
    for expected in &case.maps {
        let maps = output
            .maps
            .as_ref()
            .filter(|maps| [maps.height, maps.width] == [expected.height, expected.width]);
        let found = maps.and_then(|maps| maps.of(expected.label_index));
        let found = found.ok_or_else(|| CheckError::NoMap { case: case.name.clone() })?;
        largest = worse(largest, largest_difference(found, &expected.values));
    }
    Ok(largest)
}

/// Of two of the same length; infinite if they are not, and NaN where one is.
pub(crate) fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    found.iter().zip(expected).fold(0.0, |largest, (a, b)| worse(largest, (a - b).abs()))
}

/// The larger one; unlike `f32::max` it keeps a NaN, which must not pass.
fn worse(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_does_not_pass() {
        let differs = |found: &[f32]| largest_difference(found, &[0.0, 0.0, 0.0]);
        let report = |largest_logit_difference| CheckReport {
            cases: 1,
            largest_logit_difference,
            largest_probability_difference: 0.0,
            largest_map_difference: 0.0,
            largest_score_difference: 0.0,
            logit_tolerance: LOGIT_TOLERANCE,
            probability_tolerance: PROBABILITY_TOLERANCE,
            map_tolerance: MAP_TOLERANCE,
        };
        assert!(report(differs(&[0.0, 1e-5, 0.0])).passes());
        assert!(!report(differs(&[0.0, 2e-4, 0.0])).passes());
        assert!(!report(differs(&[f32::NAN, 0.0, 0.0])).passes());
        assert!(!report(differs(&[0.0, 0.0, f32::NAN])).passes());
        assert!(!report(differs(&[0.0])).passes());
    }
}
