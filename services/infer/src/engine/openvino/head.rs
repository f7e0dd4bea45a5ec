//! From the last feature maps to logits and activation maps, in 32 bits whatever arithmetic made the features.

use hilum_models::Classifier;
use hilum_models::densenet121::{FEATURES, MAP_SIDE};

use crate::engine::interface::{ActivationMaps, Output};

const CELLS: usize = MAP_SIDE * MAP_SIDE;

/// Values of one image's feature maps.
pub(super) const FEATURE_VALUES: usize = FEATURES * CELLS;

/// CAM_c = Σ_k W\[c,k\]·features_k; the logit of c is the mean of its map plus its bias, which is the same as the linear
/// layer after global average pooling.
///
/// `features` is row-major, 1024 × 7 × 7.
pub(super) fn output(classifier: &Classifier, features: &[f32]) -> Output {
    let (features, _) = features.as_chunks::<CELLS>();
    let labels = classifier.weight.chunks_exact(FEATURES).zip(&classifier.bias);
    let mut logits = Vec::with_capacity(classifier.bias.len());
    let mut values = Vec::with_capacity(classifier.bias.len() * CELLS);
    for (weights, bias) in labels {
        let map = activation_map(weights, features);
        logits.push(map.iter().sum::<f32>() / CELLS as f32 + bias);
        values.extend_from_slice(&map);
    }
    Output { logits, maps: Some(ActivationMaps { height: MAP_SIDE, width: MAP_SIDE, values }) }
}

/// The sums stay in registers: 60 µs for 18 labels.
fn activation_map(weights: &[f32], features: &[[f32; CELLS]]) -> [f32; CELLS] {
    let mut map = [0.0; CELLS];
    for (weight, feature) in weights.iter().zip(features) {
        for (sum, value) in map.iter_mut().zip(feature) {
            *sum += weight * value;
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logit_is_the_linear_layer_after_average_pooling() {
        let value = |index: usize| ((index * 7919) % 1000) as f32 / 1000.0 - 0.3;
        let features: Vec<f32> = (0..FEATURE_VALUES).map(value).collect();
        let weight: Vec<f32> = (0..2 * FEATURES).map(|index| value(index + 5) / 32.0).collect();
        let found = output(&Classifier { weight: weight.clone(), bias: vec![0.5, -2.0] }, &features);
        for (label, bias) in [0.5f64, -2.0].into_iter().enumerate() {
            let pooled = |feature: usize| -> f64 {
                features[feature * CELLS..][..CELLS].iter().map(|value| f64::from(*value)).sum::<f64>()
                    / CELLS as f64
            };
            let sum: f64 =
                (0..FEATURES).map(|k| f64::from(weight[label * FEATURES + k]) * pooled(k)).sum::<f64>()
                    + bias;
            assert!((f64::from(found.logits[label]) - sum).abs() < 1e-4, "{sum} against {found:?}");
        }
        let maps = found.maps.unwrap();
        let cell: f32 = (0..FEATURES).map(|k| weight[FEATURES + k] * features[k * CELLS + 10]).sum();
        assert!((maps.of(1).unwrap()[10] - cell).abs() < 1e-4);
    }
}
