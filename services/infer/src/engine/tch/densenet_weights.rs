//! DenseNet-121's weights: from safetensors bytes to libtorch tensors, with every name and shape checked. Batch
//! normalisation that directly follows a convolution is folded into it, in double precision.

use std::collections::HashMap;

use hilum_models::densenet121::{BATCH_NORM_EPSILON, TensorSpec, tensors};
use safetensors::{Dtype, SafeTensors};
use tch::{Device, Kind, TchError, Tensor};

use crate::engine::load_error::LoadError;
use crate::engine::tch::densenet_product::{Affine, NormedProduct};
use crate::engine::tch::tensors::channels_last;

/// All tensors of the network by name, as float32 on the host.
pub(crate) struct WeightTensors {
    tensors: HashMap<String, Tensor>,
    device: Device,
    kind: Kind,
}

/// A convolution; the bias is there if a batch normalisation was folded in.
pub(crate) struct Convolution {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

/// The batch normalisation after the last convolution, which cannot be folded.
pub(crate) struct BatchNorm {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
    pub(crate) mean: Tensor,
    pub(crate) variance: Tensor,
}

impl WeightTensors {
    /// Reads all tensors of a network with `label_count` outputs, for convolutions in `kind` on
    /// `device`.
    ///
    /// # Errors
    /// The bytes are no safetensors file, or a tensor is missing, unknown, misshapen, not float32 or not finite.
    pub(crate) fn read(
        bytes: &[u8],
        label_count: usize,
        device: Device,
        kind: Kind,
    ) -> Result<Self, LoadError> {
        let file = SafeTensors::deserialize(bytes).map_err(LoadError::Safetensors)?;
        let table = tensors(label_count);
        let known: HashMap<_, _> = table.iter().map(|spec| (spec.name.as_str(), spec)).collect();
        if let Some(name) = file.names().into_iter().find(|name| !known.contains_key(name)) {
            return Err(LoadError::Tensor {
                name: name.to_owned(),
                reason: "is not part of DenseNet-121".into(),
            });
        }
        let read = |spec: &TensorSpec| Ok((spec.name.clone(), read_tensor(&file, spec)?));
        let tensors = table.iter().map(read).collect::<Result<_, LoadError>>()?;
        Ok(Self { tensors, device, kind })
    }

    /// A convolution without batch normalisation.
    pub(crate) fn convolution(&self, prefix: &str) -> Result<Convolution, LoadError> {
        Ok(Convolution { weight: self.kernel(self.named(prefix, "weight")?)?, bias: None })
    }

    /// A convolution and the batch normalisation after it as one convolution with bias.
    pub(crate) fn folded(&self, convolution: &str, norm: &str) -> Result<Convolution, LoadError> {
        let (weight, bias) = self.merged(convolution, norm)?;
        let bias = Some(bias.f_to_kind(self.kind)?.f_to_device(self.device)?);
        Ok(Convolution { weight: self.kernel(&weight)?, bias })
    }

    /// A batch normalisation, ReLU, and the 1×1 convolution after it, into which another batch normalisation may be
    /// folded.
    pub(crate) fn product(
        &self,
        norm: &str,
        convolution: &str,
        norm_after: Option<&str>,
    ) -> Result<NormedProduct, LoadError> {
        let (kernel, bias) = match norm_after {
            Some(after) => self.merged(convolution, after).map(|(kernel, bias)| (kernel, Some(bias)))?,
            None => (self.named(convolution, "weight")?.f_to_kind(Kind::Double)?, None),
        };
        let product = NormedProduct::new(&self.affine(norm)?, &kernel, bias.as_ref(), self.kind)?;
        Ok(product.to_device(self.device)?)
    }

    /// Weight and bias of a convolution and the batch normalisation after it, in double precision:
    /// γ·(w∗x − μ)/√(σ²+ε) + β = (γ/√(σ²+ε)·w)∗x + (β − μ·γ/√(σ²+ε)).
    fn merged(&self, convolution: &str, norm: &str) -> Result<(Tensor, Tensor), LoadError> {
        let Affine { factor, offset } = self.affine(norm)?;
        let weight = self.named(convolution, "weight")?.f_to_kind(Kind::Double)?;
        Ok((weight.f_mul(&factor.f_view([-1, 1, 1, 1])?)?, offset))
    }

    fn affine(&self, norm: &str) -> Result<Affine, LoadError> {
        let double = |name: &str| Ok::<_, LoadError>(self.named(norm, name)?.f_to_kind(Kind::Double)?);
        let spread = double("running_var")?.f_add_scalar(BATCH_NORM_EPSILON)?.f_sqrt()?;
        let factor = double("weight")?.f_div(&spread)?;
        let offset = double("bias")?.f_sub(&double("running_mean")?.f_mul(&factor)?)?;
        Ok(Affine { factor, offset })
    }

    /// A batch normalisation by itself; its statistics stay in 32 bits in every precision.
    pub(crate) fn batch_norm(&self, prefix: &str) -> Result<BatchNorm, LoadError> {
        let named = |name: &str| Ok::<_, LoadError>(self.named(prefix, name)?.f_to_device(self.device)?);
        Ok(BatchNorm {
            weight: named("weight")?,
            bias: named("bias")?,
            mean: named("running_mean")?,
            variance: named("running_var")?,
        })
    }

    /// Matrix and bias of the classifier.
    pub(crate) fn classifier(&self) -> Result<(Tensor, Tensor), LoadError> {
        let named =
            |name: &str| Ok::<_, LoadError>(self.named("classifier", name)?.f_to_device(self.device)?);
        Ok((named("weight")?, named("bias")?))
    }

    fn kernel(&self, weight: &Tensor) -> Result<Tensor, TchError> {
        channels_last(&weight.f_to_kind(self.kind)?)?.f_to_device(self.device)
    }

    fn named(&self, prefix: &str, name: &str) -> Result<&Tensor, LoadError> {
        let name = format!("{prefix}.{name}");
        let missing = || LoadError::Tensor { name: name.clone(), reason: "is missing".into() };
        self.tensors.get(&name).ok_or_else(missing)
    }
}

impl BatchNorm {
    /// Over the same numbers.
    pub(crate) fn share(&self) -> Self {
        Self {
            weight: self.weight.shallow_clone(),
            bias: self.bias.shallow_clone(),
            mean: self.mean.shallow_clone(),
            variance: self.variance.shallow_clone(),
        }
    }

    /// Normalised with the stored statistics, then max(0, ·).
    pub(crate) fn forward_relu(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let (mean, variance) = (Some(&self.mean), Some(&self.variance));
        // Momentum only matters in training.
        input.f_batch_norm(weight, bias, mean, variance, false, 0.1, BATCH_NORM_EPSILON, true)?.f_relu_()
    }
}

impl Convolution {
    /// Over the same numbers.
    pub(crate) fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.as_ref().map(Tensor::shallow_clone) }
    }

    pub(crate) fn forward(&self, input: &Tensor, stride: i64, padding: i64) -> Result<Tensor, TchError> {
        let (stride, padding) = ([stride, stride], [padding, padding]);
        input.f_conv2d(&self.weight, self.bias.as_ref(), stride, padding, [1, 1], 1)
    }
}

fn read_tensor(file: &SafeTensors<'_>, spec: &TensorSpec) -> Result<Tensor, LoadError> {
    let refuse = |reason: String| LoadError::Tensor { name: spec.name.clone(), reason };
    let view = file.tensor(&spec.name).map_err(|_| refuse("is missing".into()))?;
    if view.dtype() != Dtype::F32 {
        return Err(refuse(format!("is {:?} where F32 is expected", view.dtype())));
    }
    if view.shape() != spec.shape {
        return Err(refuse(format!("has the shape {:?} where {:?} is expected", view.shape(), spec.shape)));
    }
    let shape: Vec<i64> = spec.shape.iter().map(|size| *size as i64).collect();
    let tensor = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)?;
    if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        return Err(refuse("holds a value that is not finite".into()));
    }
    Ok(tensor)
}
