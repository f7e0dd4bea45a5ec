//! Adds operations to an ONNX graph one after another. Knows no network.

use prost::Message;

use super::proto::{self, Attribute, FLOAT, Model, Node, OperatorSet, Tensor, ValueInfo, signed};
use crate::densenet121_weights::{Affine, Kernel};

const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 17;

/// A graph under construction; a value is known by its name.
#[derive(Default)]
pub(super) struct GraphBuilder {
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
}

/// A graph with all its operations.
pub(super) struct Graph(proto::Graph);

impl Graph {
    /// The file's bytes.
    pub(super) fn write(self) -> Vec<u8> {
        let operators = OperatorSet { domain: String::new(), version: OPERATOR_SET };
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "hilum".to_owned(),
            graph: Some(self.0),
            opset_import: vec![operators],
        };
        model.encode_to_vec()
    }
}

/// How a square window moves over the maps.
pub(super) struct Window {
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl GraphBuilder {
    pub(super) fn convolution(&mut self, input: String, kernel: &Kernel, window: &Window) -> String {
        let mut inputs = vec![input, self.constant(&kernel.weight, &kernel.shape)];
        if let Some(bias) = &kernel.bias {
            inputs.push(self.constant(bias, &[bias.len()]));
        }
        self.node("Conv", inputs, window.attributes())
    }

    /// scale·x + shift, map by map.
    pub(super) fn affine(&mut self, input: String, affine: &Affine) -> String {
        let shape = [1, affine.scale.len(), 1, 1];
        let scale = self.constant(&affine.scale, &shape);
        let scaled = self.node("Mul", vec![input, scale], Vec::new());
        let shift = self.constant(&affine.shift, &shape);
        self.node("Add", vec![scaled, shift], Vec::new())
    }

    /// max(0, x).
    pub(super) fn relu(&mut self, input: String) -> String {
        self.node("Relu", vec![input], Vec::new())
    }

    pub(super) fn max_pool(&mut self, input: String, window: &Window) -> String {
        self.node("MaxPool", vec![input], window.attributes())
    }

    pub(super) fn average_pool(&mut self, input: String, window: &Window) -> String {
        self.node("AveragePool", vec![input], window.attributes())
    }

    /// Puts the maps of one behind those of the other.
    pub(super) fn concatenation(&mut self, first: String, second: String) -> String {
        self.node("Concat", vec![first, second], vec![Attribute::int("axis", 1)])
    }

    /// Ends the graph: it has one input and one output, which is the value `last` under a new name.
    pub(super) fn finish(
        mut self,
        name: &str,
        input: ValueInfo,
        last: &str,
        output: (&str, ValueInfo),
    ) -> Graph {
        let (output_name, output) = output;
        for value in self.nodes.iter_mut().flat_map(|node| &mut node.output).filter(|value| *value == last) {
            output_name.clone_into(value);
        }
        Graph(proto::Graph {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.initializers,
            input: vec![input],
            output: vec![output],
        })
    }

    fn constant(&mut self, values: &[f32], shape: &[usize]) -> String {
        let name = format!("constant{}", self.initializers.len());
        self.initializers.push(Tensor {
            dims: shape.iter().copied().map(signed).collect(),
            data_type: FLOAT,
            name: name.clone(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
        name
    }

    fn node(&mut self, operation: &str, input: Vec<String>, attribute: Vec<Attribute>) -> String {
        let name = format!("{operation}{}", self.nodes.len());
        let (output, op_type) = (vec![name.clone()], operation.to_owned());
        self.nodes.push(Node { input, output, name: name.clone(), op_type, attribute });
        name
    }
}

impl Window {
    /// One step at a time; the maps keep their size.
    pub(super) fn same(size: usize) -> Self {
        Self { size, stride: 1, padding: size / 2 }
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::ints("kernel_shape", &[self.size; 2]),
            Attribute::ints("strides", &[self.stride; 2]),
            Attribute::ints("pads", &[self.padding; 4]),
        ]
    }
}
