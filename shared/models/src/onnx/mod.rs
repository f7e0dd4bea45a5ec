//! Writes networks as ONNX files, for engines that bring their own graph compiler. Reads none and runs nothing.

mod graph;
mod proto;

use crate::ModelError;
use crate::densenet121::{BLOCKS, FEATURES, INPUT_SIDE_PX, MAP_SIDE, dense_layer, transition};
use crate::densenet121_weights::DenseNetWeights;
use graph::{Graph, GraphBuilder, Window};
use proto::ValueInfo;

/// Name of the graph's input, `[batch, 1, 224, 224]`.
pub const INPUT: &str = "input";
/// Name of the output of [`densenet121`], `[batch, 1024, 7, 7]`.
pub const FEATURES_OUTPUT: &str = "features";

/// DenseNet-121 from the bytes of its safetensors file, up to the feature maps after the last ReLU. The classifier is
/// left to the caller, who can then compute it in 32 bits whatever the engine does. The same weights give the same
/// bytes.
///
/// # Errors
/// When the file does not hold exactly the tensors of a DenseNet-121 with `label_count` outputs.
pub fn densenet121(weights: &[u8], label_count: usize) -> Result<Vec<u8>, ModelError> {
    let weights = DenseNetWeights::read(weights, label_count)?;
    let network = Network { weights: &weights, graph: GraphBuilder::default() };
    let graph = network.build()?;
    // The graph has its own copy of all 28 MB, and writing it makes another.
    drop(weights);
    Ok(graph.write())
}

struct Network<'a> {
    weights: &'a DenseNetWeights,
    graph: GraphBuilder,
}

impl Network<'_> {
    fn build(mut self) -> Result<Graph, ModelError> {
        let mut maps = self.first()?;
        for (block, layers) in BLOCKS.into_iter().enumerate().map(|(index, layers)| (index + 1, layers)) {
            for layer in 1..=layers {
                maps = self.dense_layer(maps, &dense_layer(block, layer))?;
            }
            if block < BLOCKS.len() {
                maps = self.transition(maps, &transition(block))?;
            }
        }
        let features = self.norm_relu(maps, "features.norm5")?;
        let input = ValueInfo::batch_of(INPUT, &[1, INPUT_SIDE_PX, INPUT_SIDE_PX]);
        let output = ValueInfo::batch_of(FEATURES_OUTPUT, &[FEATURES, MAP_SIDE, MAP_SIDE]);
        Ok(self.graph.finish("densenet121", input, &features, (FEATURES_OUTPUT, output)))
    }

    fn first(&mut self) -> Result<String, ModelError> {
        let kernel = self.weights.folded("features.conv0", "features.norm0")?;
        let window = Window { size: 7, stride: 2, padding: 3 };
        let maps = self.graph.convolution(INPUT.to_owned(), &kernel, &window);
        let maps = self.graph.relu(maps);
        Ok(self.graph.max_pool(maps, &Window { size: 3, stride: 2, padding: 1 }))
    }

    fn dense_layer(&mut self, maps: String, prefix: &str) -> Result<String, ModelError> {
        let normalised = self.norm_relu(maps.clone(), &format!("{prefix}.norm1"))?;
        let bottleneck = self.weights.folded(&format!("{prefix}.conv1"), &format!("{prefix}.norm2"))?;
        let narrow = self.graph.convolution(normalised, &bottleneck, &Window::same(1));
        let narrow = self.graph.relu(narrow);
        let growth = self.weights.kernel(&format!("{prefix}.conv2"))?;
        let new = self.graph.convolution(narrow, &growth, &Window::same(3));
        Ok(self.graph.concatenation(maps, new))
    }

    /// The pooling comes before the convolution here and after it in the original: both are linear and the convolution
    /// looks at one cell at a time, so the result is the same and the convolution has a quarter of the work.
    fn transition(&mut self, maps: String, prefix: &str) -> Result<String, ModelError> {
        let normalised = self.norm_relu(maps, &format!("{prefix}.norm"))?;
        let pooled = self.graph.average_pool(normalised, &Window { size: 2, stride: 2, padding: 0 });
        let kernel = self.weights.kernel(&format!("{prefix}.conv"))?;
        Ok(self.graph.convolution(pooled, &kernel, &Window::same(1)))
    }

    fn norm_relu(&mut self, maps: String, norm: &str) -> Result<String, ModelError> {
        let affine = self.weights.affine(norm)?;
        let normalised = self.graph.affine(maps, &affine);
        Ok(self.graph.relu(normalised))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo_weights::safetensors_bytes;
    use crate::sha256_hex;
    use prost::Message;

    fn demo() -> Vec<u8> {
        densenet121(&safetensors_bytes(18).unwrap(), 18).unwrap()
    }

    #[test]
    fn every_value_is_made_before_it_is_used_and_the_output_is_made_once() {
        let graph = proto::Model::decode(demo().as_slice()).unwrap().graph.unwrap();
        let mut known: std::collections::HashSet<String> = [INPUT.to_owned()].into();
        known.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
        for node in &graph.node {
            assert!(node.input.iter().all(|value| known.contains(value)), "{}", node.name);
            assert!(node.output.iter().all(|value| known.insert(value.clone())), "{}", node.name);
        }
        assert_eq!(graph.node.last().unwrap().output, [FEATURES_OUTPUT]);
        let count = |operation: &str| graph.node.iter().filter(|node| node.op_type == operation).count();
        assert_eq!((count("Conv"), count("Concat")), (1 + 2 * 58 + 3, 58));
    }

    #[test]
    fn constants_are_as_long_as_their_shape_says() {
        let graph = proto::Model::decode(demo().as_slice()).unwrap().graph.unwrap();
        for tensor in graph.initializer {
            let values: i64 = tensor.dims.iter().product();
            assert_eq!(tensor.raw_data.len(), 4 * usize::try_from(values).unwrap(), "{}", tensor.name);
        }
    }

    #[test]
    fn the_same_weights_give_the_same_bytes() {
        assert_eq!(sha256_hex(&demo()), sha256_hex(&demo()));
    }
}
