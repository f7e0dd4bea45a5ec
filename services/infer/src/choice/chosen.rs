//! What came out of the choice of an engine: the one that reads, and what became of every other. Chooses nothing.

use std::num::NonZeroUsize;
use std::time::Duration;

use hilum_models::ModelError;
use serde::Serialize;

use crate::choice::self_check::CheckReport;
use crate::engine::Engine;
use crate::engine::load_error::LoadError;
use crate::engine::settings::EngineSettings;

/// The engine of this process, ready to read.
pub struct Chosen {
    /// Over the same weights, one for each forward pass at a time; at least one.
    pub engines: Vec<Box<dyn Engine>>,
    /// How all of them were loaded.
    pub settings: EngineSettings,
    /// Images in one forward pass.
    pub max_batch: NonZeroUsize,
    /// One pass of such a batch.
    pub pass: Duration,
    /// How close it is to the reference; `None` if the folder has nothing to compare with.
    pub report: Option<CheckReport>,
    /// What became of everything that came into question.
    pub candidates: Vec<Candidate>,
}

/// What became of an engine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// For example `openvino`.
    pub engine: &'static str,
    /// For example `bf16`.
    pub precision: &'static str,
    /// For example `cpu`.
    pub device: String,
    /// It is the one that reads.
    pub is_chosen: bool,
    /// With all replicas at work; `None` if it was not measured.
    pub ms_per_image: Option<f64>,
    /// Why it was chosen or not.
    pub outcome: String,
}

/// Why no engine reads.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The model itself is at fault.
    #[error("the model folder cannot be used")]
    Folder(#[from] ModelError),
    /// The weights are at fault.
    #[error("the model could not be loaded")]
    Model(#[source] LoadError),
    /// Nothing that was allowed works here.
    #[error("no engine can read this model: {}", outcomes(.0))]
    NoneUsable(Vec<Candidate>),
}

fn outcomes(candidates: &[Candidate]) -> String {
    let line = |candidate: &Candidate| {
        let Candidate { engine, precision, device, outcome, .. } = candidate;
        format!("{engine} {precision} on {device}: {outcome}")
    };
    candidates.iter().map(line).collect::<Vec<_>>().join("; ")
}
