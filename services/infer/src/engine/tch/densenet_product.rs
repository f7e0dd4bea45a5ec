//! Batch normalisation, ReLU and a 1×1 convolution as two steps: a clamp of each channel and one matrix product. Reads
//! the feature maps one time where the three would read them three times.
//!
//! With a = γ/√(σ²+ε), b = β − μ·a and t = −b/a, relu(a·x + b) is a·(max(x, t) − t) for a > 0 and a·(min(x, t) − t) for
//! a < 0. So a goes into the matrix and −a·t into its bias; the clamp to t is what is left.

use tch::{Kind, TchError, Tensor};

/// What is left of the three.
pub(crate) struct NormedProduct {
    /// `[1, channels, 1, 1]`, −∞ where there is no lower bound.
    lowest: Tensor,
    /// `[1, channels, 1, 1]`, ∞ where there is no upper bound; `None` if there is none at all.
    highest: Option<Tensor>,
    /// Shape: channels × outputs.
    matrix: Tensor,
    /// Shape: one value for each output.
    bias: Tensor,
}

/// A batch normalisation as a·x + b, both `[channels]` in double precision.
pub(crate) struct Affine {
    pub(crate) factor: Tensor,
    pub(crate) offset: Tensor,
}

/// Beyond this a bound can't be told from an infinity in that arithmetic, or the product with it overflows.
fn largest_bound(kind: Kind) -> f64 {
    if kind == Kind::Half { 1e4 } else { 1e30 }
}

impl NormedProduct {
    /// Of a kernel `[outputs, channels, 1, 1]` and its bias `[outputs]`, in double precision, for products in `kind`.
    /// The bias is made from the rounded matrix and bounds, so that rounding does not shift what is clamped away.
    pub(crate) fn new(
        norm: &Affine,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let Affine { factor, offset } = norm;
        let rounded = |tensor: &Tensor| tensor.f_to_kind(kind)?.f_to_kind(Kind::Double);
        let bound = offset.f_div(factor)?.f_neg()?;
        // A factor of zero has no bound: the sign of the offset then decides for every value.
        let is_bounded = bound.f_abs()?.f_lt(largest_bound(kind))?;
        let is_linear = is_bounded.f_logical_not()?.f_logical_and(&offset.f_gt(0.0)?)?;
        let zero = offset.f_zeros_like()?;
        let bound = rounded(&bound.f_where_self(&is_bounded, &zero)?)?;
        let factor = factor.f_where_self(&is_bounded.f_logical_or(&is_linear)?, &zero)?;

        let kernel = kernel.f_flatten(1, -1)?;
        let matrix = rounded(&kernel.f_mul(&factor)?)?;
        let linear_part = kernel.f_mv(&offset.f_where_self(&is_linear, &zero)?)?;
        let mut total = linear_part.f_sub(&matrix.f_mv(&bound)?)?;
        if let Some(bias) = bias {
            total = total.f_add(bias)?;
        }
        let infinity = offset.f_full_like(f64::INFINITY)?;
        let is_lower = is_bounded.f_logical_and(&factor.f_gt(0.0)?)?;
        let is_upper = is_bounded.f_logical_and(&factor.f_lt(0.0)?)?;
        let per_channel = |tensor: Tensor| tensor.f_to_kind(kind)?.f_view([1, -1, 1, 1]);
        let has_upper = is_upper.f_any()?.f_int64_value(&[])? != 0;
        let highest = per_channel(bound.f_where_self(&is_upper, &infinity)?)?;
        Ok(Self {
            lowest: per_channel(bound.f_where_self(&is_lower, &infinity.f_neg()?)?)?,
            highest: has_upper.then_some(highest),
            matrix: matrix.f_transpose(0, 1)?.f_contiguous()?.f_to_kind(kind)?,
            bias: total.f_to_kind(kind)?,
        })
    }

    /// The same product with its tensors on `device`.
    pub(crate) fn to_device(&self, device: tch::Device) -> Result<Self, TchError> {
        Ok(Self {
            lowest: self.lowest.f_to_device(device)?,
            highest: self.highest.as_ref().map(|highest| highest.f_to_device(device)).transpose()?,
            matrix: self.matrix.f_to_device(device)?,
            bias: self.bias.f_to_device(device)?,
        })
    }

    /// Over the same numbers.
    pub(crate) fn share(&self) -> Self {
        Self {
            lowest: self.lowest.shallow_clone(),
            highest: self.highest.as_ref().map(Tensor::shallow_clone),
            matrix: self.matrix.shallow_clone(),
            bias: self.bias.shallow_clone(),
        }
    }

    /// What the normalisation and the ReLU leave of feature maps.
    pub(crate) fn clamp(&self, maps: &Tensor) -> Result<Tensor, TchError> {
        match &self.highest {
            None => maps.f_maximum(&self.lowest),
            Some(highest) => maps.f_clamp_tensor(Some(&self.lowest), Some(highest)),
        }
    }

    /// `[B, channels, height, width]`, clamped and channels last, to `[B, outputs, height, width]`, channels last.
    pub(crate) fn multiply(&self, clamped: &Tensor) -> Result<Tensor, TchError> {
        let (batch, channels, height, width) = clamped.size4()?;
        let cells = clamped.f_permute([0, 2, 3, 1])?.f_reshape([batch * height * width, channels])?;
        let product = self.bias.f_addmm(&cells, &self.matrix)?;
        product.f_view([batch, height, width, -1])?.f_permute([0, 3, 1, 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Largest difference from batch normalisation, ReLU and convolution one after the other, in double precision.
    fn difference(factors: &[f64], offsets: &[f64], kind: Kind) -> f64 {
        let (channels, outputs) = (factors.len() as i64, 5);
        tch::manual_seed(7);
        let maps = Tensor::randn([2, channels, 3, 4], (Kind::Double, Device::Cpu)) * 2.0;
        let kernel = Tensor::randn([outputs, channels, 1, 1], (Kind::Double, Device::Cpu));
        let bias = Tensor::randn([outputs], (Kind::Double, Device::Cpu));
        let norm = Affine { factor: Tensor::from_slice(factors), offset: Tensor::from_slice(offsets) };
        let column = |tensor: &Tensor| tensor.view([1, -1, 1, 1]);
        let expected = (&maps * column(&norm.factor) + column(&norm.offset)).relu();
        let expected = expected.conv2d(&kernel, Some(&bias), [1, 1], [0, 0], [1, 1], 1);
        let product = NormedProduct::new(&norm, &kernel, Some(&bias), kind).unwrap();
        let found = product.multiply(&product.clamp(&maps.to_kind(kind)).unwrap()).unwrap();
        (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[])
    }

    #[test]
    fn it_is_what_the_three_steps_give_for_factors_of_either_sign() {
        let (factors, offsets) = ([0.5, -0.7, 1.3, -2.0, 0.1, 0.9], [0.2, 0.3, -0.4, -0.1, 0.0, 0.5]);
        assert!(difference(&factors, &offsets, Kind::Double) < 1e-12);
        assert!(difference(&factors, &offsets, Kind::Float) < 1e-5);
        assert!(difference(&factors, &offsets, Kind::BFloat16) < 0.2);
        let positive = factors.map(f64::abs);
        assert!(difference(&positive, &offsets, Kind::Double) < 1e-12);
    }

    #[test]
    fn channels_that_training_has_switched_off_add_their_constant_or_nothing() {
        let (factors, offsets) = ([0.0, 0.0, -0.0, 1e-9, -1e-9, 1e-300], [0.5, -0.5, 0.0, 0.3, -0.3, 1e-3]);
        assert!(difference(&factors, &offsets, Kind::Double) < 1e-9);
        assert!(difference(&factors, &offsets, Kind::Float) < 1e-5);
    }
}
