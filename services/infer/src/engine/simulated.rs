//! An engine that computes no network: it answers after a fixed time for each image and says how much memory it would
//! take. For tests and for planning capacity; it runs only where it is asked for by name, and every reading says so.

use hilum_models::Manifest;

use crate::engine::interface::{ActivationMaps, Engine, EngineDescription, EngineError, Output};
use crate::engine::settings::Simulation;

/// Cells along each side of a made-up map, as DenseNet-121 has them.
const MAP_SIDE: usize = 7;

/// A stand-in for a network with the input and the labels of a model folder.
pub(crate) struct Simulated {
    input_len: usize,
    label_count: usize,
    simulation: Simulation,
}

impl Simulated {
    pub(crate) fn new(manifest: &Manifest, simulation: Simulation) -> Self {
        Self { input_len: manifest.input_len(), label_count: manifest.labels.len(), simulation }
    }

    /// Numbers that follow from the input alone, so that images can be told apart: the mean of an evenly spread part of
    /// the values for each label, squeezed to −4 … 4.
    fn output(&self, input: &[f32]) -> Output {
        let logits = (0..self.label_count).map(|label| {
            let part = input.iter().skip(label).step_by(self.label_count.max(1));
            let (sum, count) =
                part.fold((0.0, 0u32), |(sum, count), value| (sum + f64::from(*value), count + 1));
            ((sum / f64::from(count.max(1))).sin() * 4.0) as f32
        });
        let logits: Vec<f32> = logits.collect();
        let cells = MAP_SIDE * MAP_SIDE;
        let values = logits.iter().flat_map(|logit| std::iter::repeat_n(*logit, cells)).collect();
        Output { logits, maps: Some(ActivationMaps { height: MAP_SIDE, width: MAP_SIDE, values }) }
    }
}

impl Engine for Simulated {
    #[expect(clippy::disallowed_methods, reason = "taking time is what it is for, on a thread of its own")]
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        let expected = self.input_len;
        if let Some(wrong) = batch.iter().find(|input| input.len() != expected) {
            return Err(EngineError::InputSize { expected, found: wrong.len() });
        }
        let images = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        std::thread::sleep(self.simulation.time_per_image.saturating_mul(images));
        Ok(batch.iter().map(|input| self.output(input)).collect())
    }

    fn input_len(&self) -> usize {
        self.input_len
    }

    fn description(&self) -> EngineDescription {
        EngineDescription {
            engine: "simulated".to_owned(),
            version: "no network: fixed time, made-up numbers".to_owned(),
            precision: "none".to_owned(),
            device: "none".to_owned(),
        }
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Self { ..*self }))
    }

    fn declared_footprint_bytes(&self) -> Option<u64> {
        Some(self.simulation.footprint_bytes)
    }
}
