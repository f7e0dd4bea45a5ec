//! The tensors of DenseNet-121 as torchxrayvision's state dict names and shapes them: the one table that the demo
//! weights, the importer and the engine agree on. Computes nothing.
//!
//! Source: Huang et al., "Densely Connected Convolutional Networks"; torchxrayvision 1.5.7 `models.py`.

/// Maps that each dense layer adds.
pub const GROWTH: usize = 32;
/// Dense layers per block.
pub const BLOCKS: [usize; 4] = [6, 12, 24, 16];
/// Maps after the first convolution.
pub const FIRST_MAPS: usize = 64;
/// Maps between the two convolutions of a dense layer.
pub const BOTTLENECK: usize = 4 * GROWTH;
/// Maps before the classifier.
pub const FEATURES: usize = 1024;
/// Width and height of the input, pixels.
pub const INPUT_SIDE_PX: usize = 224;
/// Width and height of the last feature maps, cells of 32 pixels.
pub const MAP_SIDE: usize = 7;
/// Added to the variance in batch normalisation.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// What a tensor does in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorRole {
    /// Kernel of a convolution without bias: output maps, input maps, height, width.
    Convolution,
    /// Batch normalisation: weight, or running variance.
    Scale,
    /// Batch normalisation: bias, or running mean.
    Shift,
    /// Matrix of the classifier: labels, features.
    Linear,
    /// Bias of the classifier.
    LinearBias,
}

/// Name, shape and role of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// As in the state dict.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// What it does.
    pub role: TensorRole,
}

impl TensorSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True if a size is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Inputs that one output value sums over; 1 for a vector.
    pub fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// Prefix of a dense layer; both numbers count from 1.
pub fn dense_layer(block: usize, layer: usize) -> String {
    format!("features.denseblock{block}.denselayer{layer}")
}

/// Prefix of the transition after a block that is not the last; counts from 1.
pub fn transition(block: usize) -> String {
    format!("features.transition{block}")
}

/// All tensors for a classifier with `label_count` outputs, in the order of the state dict, without
/// `num_batches_tracked`, which no forward pass reads.
pub fn tensors(label_count: usize) -> Vec<TensorSpec> {
    let mut table = Table(Vec::new());
    table.convolution("features.conv0", [FIRST_MAPS, 1, 7, 7]);
    table.batch_norm("features.norm0", FIRST_MAPS);
    let mut maps = FIRST_MAPS;
    for (block, layers) in BLOCKS.into_iter().enumerate().map(|(index, layers)| (index + 1, layers)) {
        for layer in 1..=layers {
            let prefix = dense_layer(block, layer);
            table.batch_norm(&format!("{prefix}.norm1"), maps);
            table.convolution(&format!("{prefix}.conv1"), [BOTTLENECK, maps, 1, 1]);
            table.batch_norm(&format!("{prefix}.norm2"), BOTTLENECK);
            table.convolution(&format!("{prefix}.conv2"), [GROWTH, BOTTLENECK, 3, 3]);
            maps += GROWTH;
        }
        if block < BLOCKS.len() {
            let prefix = transition(block);
            table.batch_norm(&format!("{prefix}.norm"), maps);
            table.convolution(&format!("{prefix}.conv"), [maps / 2, maps, 1, 1]);
            maps /= 2;
        }
    }
    table.batch_norm("features.norm5", maps);
    table.add("classifier.weight".to_owned(), vec![label_count, maps], TensorRole::Linear);
    table.add("classifier.bias".to_owned(), vec![label_count], TensorRole::LinearBias);
    table.0
}

struct Table(Vec<TensorSpec>);

impl Table {
    fn add(&mut self, name: String, shape: Vec<usize>, role: TensorRole) {
        self.0.push(TensorSpec { name, shape, role });
    }

    fn convolution(&mut self, prefix: &str, shape: [usize; 4]) {
        self.add(format!("{prefix}.weight"), shape.to_vec(), TensorRole::Convolution);
    }

    fn batch_norm(&mut self, prefix: &str, maps: usize) {
        self.add(format!("{prefix}.weight"), vec![maps], TensorRole::Scale);
        self.add(format!("{prefix}.bias"), vec![maps], TensorRole::Shift);
        self.add(format!("{prefix}.running_mean"), vec![maps], TensorRole::Shift);
        self.add(format!("{prefix}.running_var"), vec![maps], TensorRole::Scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_published_number_of_parameters() {
        let table = tensors(18);
        let learned = table.iter().filter(|tensor| !tensor.name.contains("running"));
        assert_eq!(learned.map(TensorSpec::len).sum::<usize>(), 6_966_034);
        // 727 in the state dict, of which one counter per batch normalisation is left out.
        assert_eq!(table.len(), 727 - 121);
    }

    #[test]
    fn the_last_maps_are_the_features_of_the_classifier() {
        let table = tensors(18);
        let classifier = table.iter().find(|tensor| tensor.name == "classifier.weight").unwrap();
        assert_eq!(classifier.shape, [18, FEATURES]);
        assert_eq!(classifier.fan_in(), FEATURES);
    }
}
