//! `skimage.transform.resize(image, (1, n, n), mode="constant", preserve_range=True)` for float32 input, as in
//! scikit-image 0.26 over SciPy 1.17: a Gaussian filter with standard deviation (factor − 1)/2 per axis, then
//! `scipy.ndimage.zoom(order=1, mode="grid-constant", grid_mode=True)`, then a clip to the input's range.
//!
//! Both steps are linear and separable, so they are one filter: an output position lies between two neighbours, each
//! of which is a Gaussian mean. Outside the image everything is zero, which weights left away say as well.

use super::resample::Filter;

/// The weights of both steps for `input_side` to `side` positions.
pub(super) fn filter(input_side: usize, side: usize) -> Filter {
    let factor = input_side as f64 / side as f64;
    let kernel = half_gaussian((factor - 1.0).max(0.0) / 2.0);
    let mut filter = Filter::default();
    for index in 0..side {
        let position = (index as f64 + 0.5) * factor - 0.5;
        let first = position.floor();
        let fraction = position - first;
        push_window(&mut filter, first as isize, fraction, &kernel, input_side as isize);
    }
    filter
}

/// Between the mean around `first` and the mean around the position after it, `fraction` of the way.
fn push_window(filter: &mut Filter, first: isize, fraction: f64, kernel: &[f64], input_side: isize) {
    let radius = kernel.len() as isize - 1;
    let is_inside = |position: isize| (0..input_side).contains(&position);
    // The zoom reads the filtered image, which is zero outside as well.
    let means = [(first, 1.0 - fraction), (first + 1, fraction)];
    let gaussian = |distance: isize| kernel.get(distance.unsigned_abs()).copied().unwrap_or(0.0);
    let weight = |position: isize| -> f64 {
        means.iter().filter(|(at, _)| is_inside(*at)).map(|(at, share)| share * gaussian(position - at)).sum()
    };
    let start = (first - radius).max(0);
    let end = (first + 2 + radius).min(input_side);
    filter.push(start as usize, (start..end).map(weight));
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

/// scikit-image's `clip=True`: into the range of the input, except that the fill value zero stays.
pub(super) fn clip(values: &mut [f32], (low, high): (f32, f32)) {
    let keeps_zero = !(low..=high).contains(&0.0);
    for value in values {
        if !(keeps_zero && *value == 0.0) {
            *value = value.clamp(low, high);
        }
    }
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

    #[test]
    fn weights_sum_to_one_but_for_what_lies_outside() {
        for (from, to) in [(100, 224), (225, 224), (640, 224), (1841, 224), (16_384, 224)] {
            let filter = filter(from, to);
            let sums: Vec<f64> = filter.windows().map(|(_, weights)| weights.iter().sum()).collect();
            assert_eq!(sums.len(), to);
            assert!(sums.iter().all(|sum| *sum > 0.4 && *sum < 1.0 + 1e-12), "{from} to {to}");
            assert!((sums[to / 2] - 1.0).abs() < 1e-12, "{from} to {to}");
            assert!(filter.windows().all(|(start, weights)| start + weights.len() <= from));
        }
    }

    #[test]
    fn the_fill_value_is_not_clipped() {
        let mut values = [0.0, 1.0, 9.0];
        clip(&mut values, (2.0, 5.0));
        assert_eq!(values, [0.0, 2.0, 5.0]);
        clip(&mut values, (-1.0, 4.0));
        assert_eq!(values, [0.0, 2.0, 4.0]);
    }
}
