//! What several tests of the model side share.

#![allow(dead_code, reason = "not every test binary uses all of it")]
#![allow(clippy::unwrap_used, reason = "tests; the lint's own exception misses helper functions")]

use hilum_infer::{DeviceChoice, Engine, EngineSettings, Precision, load_engine};
use hilum_models::{GoldenCase, ModelFolder, demo::write_demo};
use std::num::NonZeroUsize;
use tempfile::TempDir;

pub(crate) struct Demo {
    pub(crate) folder: ModelFolder,
    _keep: TempDir,
}

pub(crate) fn demo() -> Demo {
    let keep = tempfile::tempdir().unwrap();
    Demo { folder: write_demo(&keep.path().join("demo")).unwrap(), _keep: keep }
}

pub(crate) fn settings() -> EngineSettings {
    // More threads than one would spin while they wait, and tests run beside one another.
    EngineSettings { threads: NonZeroUsize::MIN, device: DeviceChoice::Cpu, precision: Precision::Fp32 }
}

pub(crate) fn engine(folder: &ModelFolder) -> Box<dyn Engine> {
    load_engine(folder, &settings()).unwrap()
}

pub(crate) fn golden_cases(folder: &ModelFolder) -> Vec<GoldenCase> {
    folder.golden_cases().unwrap()
}

pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// An input that no other number gives: a golden one, dimmed.
pub(crate) fn variant(case: &GoldenCase, number: usize) -> Vec<f32> {
    let factor = 1.0 - number as f32 * 0.04;
    case.input.iter().map(|value| value * factor).collect()
}
