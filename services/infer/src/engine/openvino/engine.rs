//! One infer request of a compiled graph as an [`Engine`]. All requests share the graph; each belongs to the thread that
//! has the engine.

use std::sync::{Arc, Mutex, PoisonError};

use hilum_models::Classifier;
use openvino::{CompiledModel, Core, ElementType, InferRequest, InferenceError, Shape, Tensor};

use super::contract::{Maps, Outputs};
use super::head;
use crate::engine::interface::{ActivationMaps, Engine, EngineDescription, EngineError, Output};

/// A compiled graph with what is needed to read with it.
pub(super) struct Graph {
    // Dropped in this order: the graph is made of code that the core keeps loaded.
    pub(super) compiled: Mutex<CompiledModel>,
    pub(super) _core: Mutex<Core>,
    pub(super) side_px: usize,
    pub(super) outputs: Outputs,
    /// For a graph that ends in features.
    pub(super) classifier: Option<Classifier>,
    pub(super) label_count: usize,
    pub(super) description: EngineDescription,
}

/// An infer request with its input.
pub(super) struct OpenvinoEngine {
    request: InferRequest,
    input: Option<BatchInput>,
    graph: Arc<Graph>,
}

/// The request's input tensor, kept from one pass to the next of the same size.
struct BatchInput {
    tensor: Tensor,
    batch: usize,
}

impl From<InferenceError> for EngineError {
    fn from(error: InferenceError) -> Self {
        Self::Forward { reason: first_line(&error) }
    }
}

/// What happened, without where in OpenVINO's sources.
pub(super) fn first_line(error: &InferenceError) -> String {
    let message = error.message.as_deref().unwrap_or_default();
    let lines =
        message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Exception from"));
    let told = lines.take(3).collect::<Vec<_>>().join(" ");
    if told.is_empty() { error.kind.to_string() } else { told }
}

impl OpenvinoEngine {
    pub(super) fn new(graph: Arc<Graph>) -> Result<Self, InferenceError> {
        // A thread that panicked here left no half-made graph behind.
        let request = graph.compiled.lock().unwrap_or_else(PoisonError::into_inner).create_infer_request()?;
        Ok(Self { request, input: None, graph })
    }

    /// Copies the images into the request's input.
    fn fill(&mut self, batch: &[&[f32]]) -> Result<(), InferenceError> {
        if self.input.as_ref().is_none_or(|input| input.batch != batch.len()) {
            let side = self.graph.side_px as i64;
            let shape = Shape::new(&[batch.len() as i64, 1, side, side])?;
            let tensor = Tensor::new(ElementType::F32, &shape)?;
            self.request.set_input_tensor(&tensor)?;
            self.input = Some(BatchInput { tensor, batch: batch.len() });
        }
        let Some(input) = &mut self.input else { return Ok(()) };
        let values = input.tensor.get_data_mut::<f32>()?;
        for (place, image) in values.chunks_exact_mut(self.graph.side_px * self.graph.side_px).zip(batch) {
            place.copy_from_slice(image);
        }
        Ok(())
    }

    /// The values of one output, which must be `per_image` for each image.
    fn read<T>(
        &self,
        position: usize,
        batch: usize,
        per_image: usize,
        read: impl FnOnce(&[f32]) -> T,
    ) -> Result<T, EngineError> {
        let tensor = self.request.get_output_tensor_by_index(position)?;
        let values = tensor.get_data::<f32>()?;
        if values.len() != batch * per_image {
            let reason =
                format!("it gave {} values for {batch} images, {per_image} expected each", values.len());
            return Err(EngineError::Forward { reason });
        }
        Ok(read(values))
    }

    fn logits_and_maps(
        &self,
        position: usize,
        maps: Option<Maps>,
        batch: usize,
    ) -> Result<Vec<Output>, EngineError> {
        let labels = self.graph.label_count;
        let outputs = |values: &[f32]| {
            values.chunks_exact(labels).map(|row| Output { logits: row.to_vec(), maps: None }).collect()
        };
        let mut outputs: Vec<Output> = self.read(position, batch, labels, outputs)?;
        let Some(Maps { position, height, width }) = maps else { return Ok(outputs) };
        self.read(position, batch, labels * height * width, |values| {
            for (output, row) in outputs.iter_mut().zip(values.chunks_exact(labels * height * width)) {
                output.maps = Some(ActivationMaps { height, width, values: row.to_vec() });
            }
        })?;
        Ok(outputs)
    }
}

impl Engine for OpenvinoEngine {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        let expected = self.input_len();
        if let Some(wrong) = batch.iter().find(|input| input.len() != expected) {
            return Err(EngineError::InputSize { expected, found: wrong.len() });
        }
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.fill(batch)?;
        self.request.infer()?;
        match (self.graph.outputs, &self.graph.classifier) {
            (Outputs::Features { position }, Some(classifier)) => {
                self.read(position, batch.len(), head::FEATURE_VALUES, |values| {
                    let images = values.chunks_exact(head::FEATURE_VALUES);
                    images.map(|features| head::output(classifier, features)).collect()
                })
            }
            (Outputs::Features { .. }, None) => Err(EngineError::Forward {
                reason: "it gives features and there is no classifier".to_owned(),
            }),
            (Outputs::Logits { position, maps }, _) => self.logits_and_maps(position, maps, batch.len()),
        }
    }

    fn input_len(&self) -> usize {
        self.graph.side_px * self.graph.side_px
    }

    fn description(&self) -> EngineDescription {
        self.graph.description.clone()
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Self::new(Arc::clone(&self.graph))?))
    }
}
