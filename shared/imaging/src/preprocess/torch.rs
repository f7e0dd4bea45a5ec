//! `torch.nn.functional.interpolate(mode="bilinear", antialias=True)` for float32, as in PyTorch 2.13 on a CPU: a
//! triangle filter that widens with the scale, with weights in float32.

use super::resample::Filter;

/// The weights for `input_side` to `side` positions.
pub(super) fn filter(input_side: usize, side: usize) -> Filter {
    let mut filter = Filter::default();
    for index in 0..side {
        push_window(&mut filter, index, input_side, side);
    }
    filter
}

fn push_window(filter: &mut Filter, index: usize, input_side: usize, side: usize) {
    let scale = input_side as f32 / side as f32;
    let support = scale.max(1.0);
    let inverse_scale = if scale >= 1.0 { 1.0 / scale } else { 1.0 };
    let center = scale * (index as f32 + 0.5);
    // Truncation towards zero, as the C++ cast does it.
    let start = ((center - support + 0.5) as i64).max(0) as usize;
    let end = ((center + support + 0.5) as i64 as usize).min(input_side);
    let triangle = |position: usize| {
        let distance = (position as f32 - center + 0.5) * inverse_scale;
        (1.0 - distance.abs()).max(0.0)
    };
    let sum: f32 = (start..end).map(triangle).sum();
    filter.push(start, (start..end).map(|position| f64::from(triangle(position) / sum)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_window_sum_to_one_and_stay_inside() {
        for (from, to) in [(1, 224), (100, 224), (225, 224), (1841, 224), (16_384, 224)] {
            for (start, weights) in filter(from, to).windows() {
                assert!(start + weights.len() <= from);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            }
        }
    }
}
