//! `skimage.transform.resize(image, (1, n, n), mode="constant", preserve_range=True)` for float32 input, as in
//! scikit-image 0.26 over SciPy 1.17: a Gaussian filter with standard deviation (factor − 1)/2 per axis, then
//! `scipy.ndimage.zoom(order=1, mode="grid-constant", grid_mode=True)`, then a clip to the input's range.
//!
//! SciPy adds in float64 and rounds to float32 after each axis; so does this, in the same order. Only the rows
//! and columns that the zoom will read are filtered, which changes no number.

use super::Square;

/// Resizes to `side` × `side`; a square of that size already comes back unchanged.
pub(super) fn resize(input: &Square, side: usize) -> Vec<f32> {
    if input.side == side {
        return input.values.clone();
    }
    let factor = input.side as f64 / side as f64;
    let taps: Vec<Tap> = (0..side).map(|index| Tap::of(index, factor)).collect();
    let kernel = half_gaussian((factor - 1.0).max(0.0) / 2.0);
    let needed = needed_indices(&taps, input.side);
    let columns_of_rows = filter_rows(&filter_columns(input, &needed.indices, &kernel), &needed, &kernel);
    clip(interpolate(&columns_of_rows, &needed, &taps), &input.values)
}

/// The two neighbours an output position lies between and how far it is from the first. Either may lie
/// outside the image, where everything is zero.
struct Tap {
    first: isize,
    fraction: f64,
}

impl Tap {
    fn of(index: usize, factor: f64) -> Self {
        let position = (index as f64 + 0.5) * factor - 0.5;
        let first = position.floor();
        Self { first: first as isize, fraction: position - first }
    }
}

/// The rows (and, the image being square, columns) that are read, and where each stands among them.
struct Needed {
    indices: Vec<usize>,
    place_of: Vec<Option<usize>>,
}

fn needed_indices(taps: &[Tap], input_side: usize) -> Needed {
    let mut place_of = vec![None; input_side];
    for neighbour in taps.iter().flat_map(|tap| [tap.first, tap.first + 1]) {
        if let Some(place) = usize::try_from(neighbour).ok().and_then(|index| place_of.get_mut(index)) {
            *place = Some(0);
        }
    }
    let indices: Vec<usize> = (0..input_side).filter(|index| place_of[*index].is_some()).collect();
    for (place, index) in indices.iter().enumerate() {
        place_of[*index] = Some(place);
    }
    Needed { indices, place_of }
}

/// Weights from the centre outwards of SciPy's `gaussian_filter1d` with `truncate=4`.
fn half_gaussian(sigma: f64) -> Vec<f64> {
    // SciPy skips an axis whose sigma is this small.
    if sigma <= 1e-15 {
        return vec![1.0];
    }
    let radius = (4.0 * sigma + 0.5) as usize;
    let weights: Vec<f64> = (0..=radius).map(|k| (-0.5 / (sigma * sigma) * (k * k) as f64).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.iter().map(|weight| weight / sum).collect()
}

/// Filters down the columns, for the needed rows only. Rows outside the image are zero.
fn filter_columns(input: &Square, rows: &[usize], kernel: &[f64]) -> Vec<f32> {
    let zeros = vec![0.0f32; input.side];
    let row = |y: Option<usize>| y.filter(|y| *y < input.side).map_or(&zeros[..], |y| input.row(y));
    let mut output = Vec::with_capacity(rows.len() * input.side);
    let mut sum = vec![0.0f64; input.side];
    for &y in rows {
        for (sum, value) in sum.iter_mut().zip(row(Some(y))) {
            *sum = f64::from(*value) * kernel[0];
        }
        for (distance, weight) in kernel.iter().enumerate().skip(1).rev() {
            let pairs = row(y.checked_sub(distance)).iter().zip(row(y.checked_add(distance)));
            for (sum, (above, below)) in sum.iter_mut().zip(pairs) {
                *sum += (f64::from(*above) + f64::from(*below)) * weight;
            }
        }
        output.extend(sum.iter().map(|sum| *sum as f32));
    }
    output
}

/// Filters along the rows, for the needed columns only. Columns outside the image are zero.
fn filter_rows(rows: &[f32], columns: &Needed, kernel: &[f64]) -> Vec<f32> {
    let radius = kernel.len() - 1;
    let side = columns.place_of.len();
    let mut padded = vec![0.0f64; side + 2 * radius];
    let mut output = Vec::with_capacity(rows.len() / side * columns.indices.len());
    for row in rows.chunks_exact(side) {
        for (padded, value) in padded[radius..].iter_mut().zip(row) {
            *padded = f64::from(*value);
        }
        output.extend(columns.indices.iter().map(|&x| {
            let (left, right) = (&padded[x..x + radius], &padded[x + radius + 1..x + 2 * radius + 1]);
            let pairs = left.iter().zip(right.iter().rev()).zip(kernel[1..].iter().rev());
            let centre = padded[x + radius] * kernel[0];
            pairs.fold(centre, |sum, ((left, right), weight)| sum + (left + right) * weight) as f32
        }));
    }
    output
}

/// Bilinear interpolation between the needed rows and columns, zero outside.
fn interpolate(filtered: &[f32], needed: &Needed, taps: &[Tap]) -> Vec<f32> {
    let place = |index: isize| *needed.place_of.get(usize::try_from(index).ok()?)?;
    let at = |y: Option<usize>, x: Option<usize>| match (y, x) {
        (Some(y), Some(x)) => f64::from(filtered[y * needed.indices.len() + x]),
        _ => 0.0,
    };
    let mut output = Vec::with_capacity(taps.len() * taps.len());
    for row in taps {
        let (y0, y1) = (place(row.first), place(row.first + 1));
        output.extend(taps.iter().map(|column| {
            let (x0, x1) = (place(column.first), place(column.first + 1));
            let (wx0, wx1) = (1.0 - column.fraction, column.fraction);
            let (wy0, wy1) = (1.0 - row.fraction, row.fraction);
            let sum = at(y0, x0) * wy0 * wx0
                + at(y0, x1) * wy0 * wx1
                + at(y1, x0) * wy1 * wx0
                + at(y1, x1) * wy1 * wx1;
            sum as f32
        }));
    }
    output
}

/// scikit-image's `clip=True`: into the range of the input, except that the fill value zero stays.
fn clip(mut values: Vec<f32>, input: &[f32]) -> Vec<f32> {
    let (low, high) = input.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let keeps_zero = !(low..=high).contains(&0.0);
    for value in &mut values {
        if !(keeps_zero && *value == 0.0) {
            *value = value.clamp(low, high);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_normalised_and_as_wide_as_scipys() {
        for sigma in [0.1, 0.5, 1.7857, 3.6] {
            let kernel = half_gaussian(sigma);
            assert_eq!(kernel.len(), (4.0 * sigma + 0.5) as usize + 1);
            assert!((kernel[0] + 2.0 * kernel[1..].iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert_eq!(half_gaussian(0.0), [1.0]);
    }
}
