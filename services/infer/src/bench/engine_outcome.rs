//! What `bench engine` measured.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::comparison::Comparison;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct EngineOutcome {
    pub(super) benchmark: &'static str,
    pub(super) cores: usize,
    pub(super) batches: Vec<NonZeroUsize>,
    pub(super) engines: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pytorch: Option<Comparison>,
}

/// One engine in one arithmetic.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) engine: &'static str,
    pub(super) precision: &'static str,
    pub(super) device: String,
    #[serde(flatten)]
    pub(super) result: Trial,
}

/// What came of one engine.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Trial {
    Measured(Measured),
    /// Why it does not run here.
    NotRun {
        reason: String,
    },
}

/// What an engine does in a second.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) version: String,
    pub(super) replicas: NonZeroUsize,
    pub(super) threads_of_each: NonZeroUsize,
    pub(super) memory_bytes: u64,
    /// A single image while nothing else runs.
    pub(super) latency_ms: f64,
    /// For each size of a batch, all replicas at work.
    pub(super) ms_per_image: Vec<f64>,
    /// Of single images, all replicas at work; only beside PyTorch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) median_ms_at_batch_1: Option<f64>,
    pub(super) best_images_per_s: f64,
    /// Of a large matrix product, floating-point operations per second.
    pub(super) peak_operations_per_s: f64,
    /// The best throughput as a share of the peak, 0 to 1; `None` for a network whose operations nobody has counted.
    pub(super) share_of_peak: Option<f64>,
    pub(super) largest_logit_difference: Option<f32>,
    /// Within the bounds of its arithmetic on the golden cases; `None` if there are none.
    pub(super) is_proved: Option<bool>,
}

impl Row {
    /// Engine, arithmetic and device in words.
    pub(super) fn name(&self) -> String {
        format!("{} {} {}", self.engine, self.precision, self.device)
    }

    /// Its name and its median, if it proved itself.
    pub(super) fn proved(&self) -> Option<(String, f64)> {
        let Trial::Measured(measured) = &self.result else { return None };
        let median = measured.median_ms_at_batch_1.filter(|_| measured.is_proved == Some(true))?;
        Some((self.name(), median))
    }
}
