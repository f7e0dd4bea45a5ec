//! Deterministic random weights of the demo model, the same in any language: splitmix64 over a counter, started
//! from the hash of the tensor's name, scaled so that the outputs of real images spread.

use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

use crate::ModelError;
use crate::densenet121::{TensorRole, TensorSpec, tensors};

/// "HILUM-01".
const SEED: u64 = 0x4849_4C55_4D2D_3031;
const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
/// The first convolution sees values up to ±1024 and brings them to the size the others expect.
const FIRST_CONVOLUTION_DIVISOR: f64 = 512.0;

/// The weights file of the demo model.
pub(crate) fn safetensors_bytes(label_count: usize) -> Result<Vec<u8>, ModelError> {
    let table = tensors(label_count);
    let bytes: Vec<Vec<u8>> =
        table.iter().map(|spec| values(spec).into_iter().flat_map(f32::to_le_bytes).collect()).collect();
    let views = table.iter().zip(&bytes).map(|(spec, bytes)| {
        let view = TensorView::new(Dtype::F32, spec.shape.clone(), bytes).map_err(ModelError::Weights)?;
        Ok((spec.name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, ModelError>>()?;
    let note = HashMap::from([("note".to_owned(), crate::UNTRAINED_NOTICE.to_owned())]);
    safetensors::serialize(views, Some(note)).map_err(ModelError::Weights)
}

/// All values of one tensor, row-major.
fn values(spec: &TensorSpec) -> Vec<f32> {
    let base = SEED ^ fnv1a(&spec.name);
    let spread = (3.0 / spec.fan_in() as f64).sqrt();
    let divisor = if spec.name == "features.conv0.weight" { FIRST_CONVOLUTION_DIVISOR } else { 1.0 };
    let scale = |u: f64| match spec.role {
        TensorRole::Convolution => (2.0 * u - 1.0) * spread / divisor,
        TensorRole::Linear => (2.0 * u - 1.0) * spread * 6.0,
        TensorRole::Scale => 1.0 + 0.2 * (u - 0.5),
        TensorRole::Shift => 0.2 * (u - 0.5),
        TensorRole::LinearBias => 2.0 * (u - 0.5) - 2.0,
    };
    (1..=spec.len() as u64).map(|index| scale(uniform(base, index)) as f32).collect()
}

/// A number from 0 to below 1, with 24 bits.
fn uniform(base: u64, index: u64) -> f64 {
    let mut z = base.wrapping_add(index.wrapping_mul(GOLDEN_RATIO));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / (1u64 << 24) as f64
}

/// FNV-1a, 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference run in Python that also made the golden outputs.
    const CHECKSUM: f64 = 83_593.861_332_118_76;

    fn first_values(name: &str) -> Vec<f32> {
        let table = tensors(18);
        let spec = table.iter().find(|spec| spec.name == name).unwrap();
        values(spec)[..4].to_vec()
    }

    #[test]
    fn first_values_are_those_of_the_reference() {
        let check = |name: &str, expected: [f64; 4]| {
            assert_eq!(first_values(name), expected.map(|value| value as f32), "{name}");
        };
        check(
            "features.conv0.weight",
            [0.00036750268191099167, 0.0002605764602776617, -0.00042086615576408803, 0.00041989798774011433],
        );
        check(
            "features.norm0.running_var",
            [0.9658079743385315, 1.0758899450302124, 1.0337363481521606, 1.0828235149383545],
        );
        check(
            "features.denseblock1.denselayer1.norm1.weight",
            [1.0811306238174438, 0.9842617511749268, 1.077289342880249, 1.0440179109573364],
        );
        check(
            "features.denseblock4.denselayer16.conv2.weight",
            [-0.011547240428626537, 0.048556841909885406, 0.025026312097907066, -0.022531915456056595],
        );
        check(
            "classifier.weight",
            [0.19694672524929047, -0.10241076350212097, -0.022109998390078545, 0.14958931505680084],
        );
        check(
            "classifier.bias",
            [-1.8060526847839355, -1.2034876346588135, -2.297729730606079, -1.0420153141021729],
        );
    }

    #[test]
    fn the_sum_of_all_weights_is_that_of_the_reference() {
        let sum: f64 = tensors(18).iter().flat_map(values).map(f64::from).sum();
        assert!((sum - CHECKSUM).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn the_weights_file_is_the_same_every_time() {
        let first = safetensors_bytes(18).unwrap();
        assert_eq!(first, safetensors_bytes(18).unwrap());
        assert_eq!(safetensors::SafeTensors::deserialize(&first).unwrap().len(), 606);
    }
}
