//! DenseNet-121 built from tensor operations: no graph file, no Python, one input channel. Knows no labels, only how
//! many there are.
//!
//! Source: Huang et al., "Densely Connected Convolutional Networks"; torchxrayvision 1.5.7 `models.py`.

use hilum_models::densenet121::{BLOCKS, GROWTH, INPUT_SIDE_PX, dense_layer, transition};
use tch::{Kind, TchError, Tensor};

use crate::engine::interface::{Engine, EngineDescription, EngineError, Output};
use crate::engine::load_error::LoadError;
use crate::engine::tch::densenet_product::NormedProduct;
use crate::engine::tch::densenet_weights::{BatchNorm, Convolution, WeightTensors};
use crate::engine::tch::settings::TchSettings;
use crate::engine::tch::tensors::{batch_tensor, channels_last, outputs};

/// The network with its weights on one device.
pub(crate) struct DenseNet121 {
    first: Convolution,
    blocks: Vec<DenseBlock>,
    last: BatchNorm,
    classifier_weight: Tensor,
    classifier_bias: Tensor,
    settings: TchSettings,
}

struct DenseBlock {
    layers: Vec<DenseLayer>,
    /// After every block but the last.
    transition: Option<NormedProduct>,
}

struct DenseLayer {
    bottleneck: NormedProduct,
    growth: Convolution,
}

impl DenseNet121 {
    /// Builds the network from the bytes of a safetensors file.
    ///
    /// # Errors
    /// The file does not hold exactly the tensors of a DenseNet-121 with `label_count` outputs.
    pub(crate) fn load(bytes: &[u8], label_count: usize, settings: TchSettings) -> Result<Self, LoadError> {
        let weights = WeightTensors::read(bytes, label_count, settings.device, settings.kind())?;
        let blocks = BLOCKS.iter().enumerate().map(|(index, layers)| block(&weights, index + 1, *layers));
        let (classifier_weight, classifier_bias) = weights.classifier()?;
        Ok(Self {
            first: weights.folded("features.conv0", "features.norm0")?,
            blocks: blocks.collect::<Result<_, _>>()?,
            last: weights.batch_norm("features.norm5")?,
            classifier_weight,
            classifier_bias,
            settings,
        })
    }

    /// `[B, 1, 224, 224]` to `[B, 1024, 7, 7]`, after the last ReLU.
    fn features(&self, input: &Tensor) -> Result<Tensor, TchError> {
        // With a single input channel libtorch cannot tell the layouts apart and answers in the other one.
        let first = channels_last(&self.first.forward(input, 2, 3)?)?.f_relu_()?;
        let mut maps = first.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        for block in &self.blocks {
            maps = block.forward(&maps)?;
        }
        self.last.forward_relu(&maps)
    }

    /// Σ_k W\[c,k\]·features_k for every label: `[B, 1024, 7, 7]` to `[B, labels, 7, 7]`.
    fn activation_maps(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let (batch, channels, height, width) = features.size4()?;
        let cells = features.f_permute([0, 2, 3, 1])?.f_reshape([batch, height * width, channels])?;
        let maps = cells.f_matmul(&self.classifier_weight.f_transpose(0, 1)?)?.f_transpose(1, 2)?;
        maps.f_reshape([batch, -1, height, width])
    }
}

impl Engine for DenseNet121 {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        let _no_grad = tch::no_grad_guard();
        self.settings.apply_threads();
        let input =
            batch_tensor(batch, INPUT_SIDE_PX, self.settings.device)?.f_to_kind(self.settings.kind())?;
        let features = self.features(&input)?.f_to_kind(Kind::Float)?;
        let pooled = features.f_mean_dim([2i64, 3].as_slice(), false, None)?;
        let logits = pooled.f_linear(&self.classifier_weight, Some(&self.classifier_bias))?;
        outputs(&logits, Some(&self.activation_maps(&features)?))
    }

    fn input_len(&self) -> usize {
        INPUT_SIDE_PX * INPUT_SIDE_PX
    }

    fn description(&self) -> EngineDescription {
        self.settings.description()
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Self {
            first: self.first.share(),
            blocks: self.blocks.iter().map(DenseBlock::share).collect(),
            last: self.last.share(),
            classifier_weight: self.classifier_weight.shallow_clone(),
            classifier_bias: self.classifier_bias.shallow_clone(),
            settings: self.settings,
        }))
    }
}

impl DenseBlock {
    /// Over the same numbers.
    fn share(&self) -> Self {
        let layer = |layer: &DenseLayer| DenseLayer {
            bottleneck: layer.bottleneck.share(),
            growth: layer.growth.share(),
        };
        Self {
            layers: self.layers.iter().map(layer).collect(),
            transition: self.transition.as_ref().map(NormedProduct::share),
        }
    }

    /// Every layer reads what all before it have made. That lies side by side in one tensor of the block's final size,
    /// so that nothing is copied to be concatenated.
    fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let (batch, mut channels, height, width) = input.size4()?;
        let growth = GROWTH as i64;
        let all = channels + growth * self.layers.len() as i64;
        let maps = Tensor::f_empty([batch, height, width, all], (input.kind(), input.device()))?;
        let maps = maps.f_permute([0, 3, 1, 2])?;
        maps.f_narrow(1, 0, channels)?.f_copy_(input)?;
        for layer in &self.layers {
            let new = layer.forward(&maps.f_narrow(1, 0, channels)?)?;
            maps.f_narrow(1, channels, growth)?.f_copy_(&new)?;
            channels += growth;
        }
        let Some(transition) = &self.transition else { return Ok(maps) };
        // The mean of products is the product of means, and there are four times fewer of these.
        let pooled = transition.clamp(&maps)?.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)?;
        transition.multiply(&pooled)
    }
}

impl DenseLayer {
    fn forward(&self, maps: &Tensor) -> Result<Tensor, TchError> {
        let narrow = self.bottleneck.multiply(&self.bottleneck.clamp(maps)?)?.f_relu_()?;
        self.growth.forward(&narrow, 1, 1)
    }
}

fn block(weights: &WeightTensors, number: usize, layers: usize) -> Result<DenseBlock, LoadError> {
    let layer = |layer| {
        let prefix = dense_layer(number, layer);
        Ok(DenseLayer {
            bottleneck: weights.product(
                &format!("{prefix}.norm1"),
                &format!("{prefix}.conv1"),
                Some(&format!("{prefix}.norm2")),
            )?,
            growth: weights.convolution(&format!("{prefix}.conv2"))?,
        })
    };
    let after = || {
        let prefix = transition(number);
        weights.product(&format!("{prefix}.norm"), &format!("{prefix}.conv"), None)
    };
    Ok(DenseBlock {
        layers: (1..=layers).map(layer).collect::<Result<_, LoadError>>()?,
        transition: (number < BLOCKS.len()).then(after).transpose()?,
    })
}
