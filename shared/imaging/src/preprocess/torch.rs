//! `torch.nn.functional.interpolate(mode="bilinear", antialias=True)` for float32, as in PyTorch 2.13 on a CPU:
//! a triangle filter that widens with the scale, first along the rows, then down the columns, all in float32.

use super::Square;

/// Resizes to `side` × `side`; a square of that size already comes back unchanged.
pub(super) fn resize(input: &Square, side: usize) -> Vec<f32> {
    if input.side == side {
        return input.values.clone();
    }
    let windows: Vec<Window> = (0..side).map(|index| Window::of(index, input.side, side)).collect();
    shrink_columns(&shrink_rows(input, &windows), &windows)
}

/// The input positions that one output position is a weighted mean of.
struct Window {
    start: usize,
    weights: Vec<f32>,
}

impl Window {
    fn of(index: usize, input_side: usize, output_side: usize) -> Self {
        let scale = input_side as f32 / output_side as f32;
        let support = scale.max(1.0);
        let inverse_scale = if scale >= 1.0 { 1.0 / scale } else { 1.0 };
        let center = scale * (index as f32 + 0.5);
        // Truncation towards zero, as the C++ cast does it.
        let start = ((center - support + 0.5) as i64).max(0) as usize;
        let end = ((center + support + 0.5) as i64 as usize).min(input_side);
        let mut weights: Vec<f32> = (start..end)
            .map(|position| {
                let distance = (position as f32 - center + 0.5) * inverse_scale;
                (1.0 - distance.abs()).max(0.0)
            })
            .collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { start, weights }
    }
}

fn shrink_rows(input: &Square, windows: &[Window]) -> Vec<f32> {
    let mut output = Vec::with_capacity(input.side * windows.len());
    for y in 0..input.side {
        let row = input.row(y);
        output.extend(windows.iter().map(|window| {
            let values = row[window.start..].iter().zip(&window.weights);
            values.fold(0.0f32, |sum, (value, weight)| sum + value * weight)
        }));
    }
    output
}

fn shrink_columns(rows: &[f32], windows: &[Window]) -> Vec<f32> {
    let width = windows.len();
    let mut output = vec![0.0f32; width * width];
    for (window, sums) in windows.iter().zip(output.chunks_exact_mut(width)) {
        let needed = rows.chunks_exact(width).skip(window.start);
        for (row, weight) in needed.zip(&window.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_window_sum_to_one_and_stay_inside() {
        for (from, to) in [(1, 224), (100, 224), (225, 224), (1841, 224), (16_384, 224)] {
            for window in (0..to).map(|index| Window::of(index, from, to)) {
                assert!(window.start + window.weights.len() <= from);
                assert!((window.weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}
