//! Between slices of numbers and libtorch tensors. Only fallible calls: a failure in C++ becomes an error here.

use tch::{Device, Kind, TchError, Tensor};

use crate::engine::interface::{ActivationMaps, EngineError, Output};

impl From<TchError> for EngineError {
    fn from(error: TchError) -> Self {
        Self::Forward { reason: first_line(&error) }
    }
}

/// What happened; the C++ side appends its stack, line by line.
pub(crate) fn first_line(error: &TchError) -> String {
    error.to_string().trim_start().lines().next().unwrap_or_default().to_owned()
}

/// `[B, 1, side, side]` on the device.
pub(crate) fn batch_tensor(batch: &[&[f32]], side: usize, device: Device) -> Result<Tensor, EngineError> {
    let expected = side * side;
    if let Some(wrong) = batch.iter().find(|input| input.len() != expected) {
        return Err(EngineError::InputSize { expected, found: wrong.len() });
    }
    let shape = [batch.len() as i64, 1, side as i64, side as i64];
    let flat = Tensor::f_from_slice(&batch.concat())?;
    // A CUDA device copies by itself from memory that the system can't move.
    let flat = if let Device::Cuda(_) = device { flat.f_pin_memory(device)? } else { flat };
    Ok(flat.f_view(shape)?.f_to_device(device)?)
}

/// One [`Output`] per row of `logits` `[B, labels]` and, if given, of `maps` `[B, labels, height, width]`.
pub(crate) fn outputs(logits: &Tensor, maps: Option<&Tensor>) -> Result<Vec<Output>, EngineError> {
    let maps = maps.map(|maps| Ok::<_, EngineError>((maps.size4()?, values(maps)?))).transpose()?;
    let (rows, labels) = logits.size2()?;
    let logits = values(logits)?;
    let row = |row: usize| Output {
        logits: rows_of(&logits, labels as usize, row).to_vec(),
        maps: maps.as_ref().map(|((_, labels, height, width), values)| ActivationMaps {
            height: *height as usize,
            width: *width as usize,
            values: rows_of(values, (labels * height * width) as usize, row).to_vec(),
        }),
    };
    Ok((0..rows as usize).map(row).collect())
}

/// All values in row-major order, on the host.
fn values(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let flat = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?;
    Vec::<f32>::try_from(&flat)
}

fn rows_of(values: &[f32], len: usize, row: usize) -> &[f32] {
    &values[row * len..(row + 1) * len]
}

/// The same values with the channels next to one another in memory, which libtorch's convolutions prefer. tch has no
/// name for memory formats; strides say it as well.
pub(crate) fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
