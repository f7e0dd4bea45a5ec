//! DenseNet-121's numbers from the bytes of a safetensors file: every name and shape is checked, and batch
//! normalisation is brought to the form that an inference engine wants. Knows no engine and no tensor library.

use safetensors::{Dtype, SafeTensors};
use std::collections::{HashMap, HashSet};

use crate::ModelError;
use crate::densenet121::{BATCH_NORM_EPSILON, TensorSpec, tensors};

/// All tensors of a DenseNet-121, checked.
#[derive(Debug, Clone)]
pub struct DenseNetWeights {
    tensors: HashMap<String, (TensorSpec, Vec<f32>)>,
}

/// A convolution, with the batch normalisation after it if there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// Output maps, input maps, height, width.
    pub shape: Vec<usize>,
    /// Row-major.
    pub weight: Vec<f32>,
    /// One per output map, if a batch normalisation was folded in.
    pub bias: Option<Vec<f32>>,
}

/// A batch normalisation as y = scale·x + shift per map.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// One per map.
    pub scale: Vec<f32>,
    /// One per map.
    pub shift: Vec<f32>,
}

/// The last layer: logits from feature maps.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// Labels × features, row-major.
    pub weight: Vec<f32>,
    /// One per label.
    pub bias: Vec<f32>,
}

impl DenseNetWeights {
    /// Reads the tensors of a network with `label_count` outputs.
    ///
    /// # Errors
    /// The bytes are no safetensors file, or a tensor is missing, unknown, misshapen, not float32 or not finite.
    pub fn read(bytes: &[u8], label_count: usize) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(ModelError::Safetensors)?;
        let table = tensors(label_count);
        let known: HashSet<_> = table.iter().map(|spec| spec.name.as_str()).collect();
        if let Some(name) = file.names().into_iter().find(|name| !known.contains(name)) {
            return Err(refused(name, "is not part of DenseNet-121".to_owned()));
        }
        let tensors = table.iter().map(|spec| {
            let values = read_tensor(&file, spec)?;
            Ok((spec.name.clone(), (spec.clone(), values)))
        });
        Ok(Self { tensors: tensors.collect::<Result<_, ModelError>>()? })
    }

    /// A convolution as it is stored.
    ///
    /// # Errors
    /// The network has no such tensor.
    pub fn kernel(&self, convolution: &str) -> Result<Kernel, ModelError> {
        let (spec, weight) = self.tensor(convolution, "weight")?;
        Ok(Kernel { shape: spec.shape.clone(), weight: weight.clone(), bias: None })
    }

    /// A convolution and the batch normalisation after it as one convolution with bias:
    /// γ·(w∗x − μ)/√(σ²+ε) + β = (γ/√(σ²+ε)·w)∗x + (β − μ·γ/√(σ²+ε)). Computed in double precision.
    ///
    /// # Errors
    /// The network has no such tensor.
    pub fn folded(&self, convolution: &str, norm: &str) -> Result<Kernel, ModelError> {
        let (spec, weight) = self.tensor(convolution, "weight")?;
        let (scale, shift) = self.scale_and_shift(norm)?;
        let per_map = spec.fan_in();
        let maps = weight.chunks_exact(per_map).zip(&scale);
        let weight =
            maps.flat_map(|(map, scale)| map.iter().map(move |value| narrow(f64::from(*value) * scale)));
        let bias = shift.into_iter().map(narrow).collect();
        Ok(Kernel { shape: spec.shape.clone(), weight: weight.collect(), bias: Some(bias) })
    }

    /// A batch normalisation that follows a concatenation and so cannot be folded.
    ///
    /// # Errors
    /// The network has no such tensor.
    pub fn affine(&self, norm: &str) -> Result<Affine, ModelError> {
        let (scale, shift) = self.scale_and_shift(norm)?;
        let narrow_all = |values: Vec<f64>| values.into_iter().map(narrow).collect();
        Ok(Affine { scale: narrow_all(scale), shift: narrow_all(shift) })
    }

    /// The last layer.
    ///
    /// # Errors
    /// The network has no such tensor.
    pub fn classifier(&self) -> Result<Classifier, ModelError> {
        let named = |name| Ok::<_, ModelError>(self.tensor("classifier", name)?.1.clone());
        Ok(Classifier { weight: named("weight")?, bias: named("bias")? })
    }

    /// γ/√(σ²+ε) and β − μ·γ/√(σ²+ε).
    fn scale_and_shift(&self, norm: &str) -> Result<(Vec<f64>, Vec<f64>), ModelError> {
        let named = |name| Ok::<_, ModelError>(&self.tensor(norm, name)?.1);
        let (weight, variance) = (named("weight")?, named("running_var")?);
        let (bias, mean) = (named("bias")?, named("running_mean")?);
        let spread = |variance: &f32| (f64::from(*variance) + BATCH_NORM_EPSILON).sqrt();
        let scale: Vec<f64> = weight.iter().zip(variance).map(|(w, v)| f64::from(*w) / spread(v)).collect();
        let shift = bias.iter().zip(mean).zip(&scale);
        let shift = shift.map(|((bias, mean), scale)| f64::from(*bias) - f64::from(*mean) * scale).collect();
        Ok((scale, shift))
    }

    fn tensor(&self, prefix: &str, name: &str) -> Result<&(TensorSpec, Vec<f32>), ModelError> {
        let name = format!("{prefix}.{name}");
        self.tensors.get(&name).ok_or_else(|| refused(&name, "is missing".to_owned()))
    }
}

/// Engines compute in 32 bits.
fn narrow(value: f64) -> f32 {
    value as f32
}

fn read_tensor(file: &SafeTensors<'_>, spec: &TensorSpec) -> Result<Vec<f32>, ModelError> {
    let refuse = |reason| refused(&spec.name, reason);
    let view = file.tensor(&spec.name).map_err(|_| refuse("is missing".to_owned()))?;
    if view.dtype() != Dtype::F32 {
        return Err(refuse(format!("is {:?} where F32 is expected", view.dtype())));
    }
    if view.shape() != spec.shape {
        return Err(refuse(format!("has the shape {:?} where {:?} is expected", view.shape(), spec.shape)));
    }
    let values = crate::tensor_from_bytes(view.data()).filter(|values| values.iter().all(|v| v.is_finite()));
    values.ok_or_else(|| refuse("holds a value that is not finite".to_owned()))
}

fn refused(name: &str, reason: String) -> ModelError {
    ModelError::Tensor { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo_weights::safetensors_bytes;

    #[test]
    fn a_folded_convolution_computes_what_the_two_steps_did() {
        let weights = DenseNetWeights::read(&safetensors_bytes(18).unwrap(), 18).unwrap();
        let (convolution, norm) = ("features.conv0", "features.norm0");
        let (plain, folded) =
            (weights.kernel(convolution).unwrap(), weights.folded(convolution, norm).unwrap());
        let affine = weights.affine(norm).unwrap();
        // One map, an input that is 1 everywhere: the convolution is the sum of its kernel.
        for map in [0, 17, 63] {
            let sum = |kernel: &Kernel| -> f64 {
                kernel.weight[map * 49..][..49].iter().map(|value| f64::from(*value)).sum()
            };
            let two_steps = sum(&plain) * f64::from(affine.scale[map]) + f64::from(affine.shift[map]);
            let one_step = sum(&folded) + f64::from(folded.bias.as_ref().unwrap()[map]);
            assert!((two_steps - one_step).abs() < 1e-6, "map {map}: {two_steps} against {one_step}");
        }
    }

    #[test]
    fn weights_for_another_number_of_labels_are_refused() {
        let refused = DenseNetWeights::read(&safetensors_bytes(18).unwrap(), 17).unwrap_err();
        assert!(refused.to_string().contains("[18, 1024] where [17, 1024]"), "{refused}");
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused() {
        let mut bytes = safetensors_bytes(18).unwrap();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        let refused = DenseNetWeights::read(&bytes, 18).unwrap_err();
        assert!(refused.to_string().contains("not finite"), "{refused}");
    }
}
