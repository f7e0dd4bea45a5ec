//! Samples to fewer samples, each the average of a square of them: the cheap part of making a picture much smaller.
//! Does not know what a sample means.

use std::borrow::Cow;

use crate::picture::Samples;

/// Sums of so many 16-bit samples squared still fit into 32 bits.
const FACTOR_MAX: u32 = 128;

/// Size and samples of the picture made smaller by a whole number, so that its longest side is less than twice `max_side_px`. A
/// picture that is small enough stays as it is.
pub(super) fn of(
    (width, height): (u32, u32),
    samples: &Samples,
    max_side_px: u32,
) -> ((u32, u32), Cow<'_, Samples>) {
    let factor = (width.max(height) / max_side_px.max(1)).min(FACTOR_MAX);
    if factor < 2 {
        return ((width, height), Cow::Borrowed(samples));
    }
    let (row_len, by) = (width as usize, factor as usize);
    let averages = match samples {
        Samples::Bytes(values) => Samples::Bytes(averages(values, row_len, by, |value| (value + 0.5) as u8)),
        Samples::Unsigned(values) => {
            Samples::Unsigned(averages(values, row_len, by, |value| (value + 0.5) as u16))
        }
        Samples::Signed(values) => {
            Samples::Signed(averages(values, row_len, by, |value| (value + 0.5).floor() as i32))
        }
    };
    ((width.div_ceil(factor), height.div_ceil(factor)), Cow::Owned(averages))
}

fn averages<T: Copy + Into<i32>>(
    values: &[T],
    row_len: usize,
    by: usize,
    of_number: impl Fn(f32) -> T,
) -> Vec<T> {
    // When the compiler knows the factor it takes half the time.
    match by {
        2 => averages_by(values, row_len, 2, of_number),
        3 => averages_by(values, row_len, 3, of_number),
        4 => averages_by(values, row_len, 4, of_number),
        _ => averages_by(values, row_len, by, of_number),
    }
}

/// Of squares of `by` × `by`, at the right and lower edge of what is left.
#[inline(always)]
fn averages_by<T: Copy + Into<i32>>(
    values: &[T],
    row_len: usize,
    by: usize,
    of_number: impl Fn(f32) -> T,
) -> Vec<T> {
    let mut averages = Vec::with_capacity((values.len() / row_len).div_ceil(by) * row_len.div_ceil(by));
    let mut sums = vec![0i32; row_len];
    for rows in values.chunks(row_len * by) {
        sums.fill(0);
        for row in rows.chunks_exact(row_len) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += (*value).into();
            }
        }
        let height = rows.len() / row_len;
        let average = |sums: &[i32], factor: f32| of_number(sums.iter().sum::<i32>() as f32 * factor);
        let one_of = |width: usize| 1.0 / (height * width) as f32;
        let (squares, rest) = (sums.chunks_exact(by), sums.chunks_exact(by).remainder());
        averages.extend(squares.map(|sums| average(sums, one_of(by))));
        averages.extend((!rest.is_empty()).then(|| average(rest, one_of(rest.len()))));
    }
    averages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_the_average_of_its_square_also_at_the_edges() {
        let values: Vec<u8> = vec![1, 3, 5, 7, 9, 1, 3, 5, 7, 8, 2, 2, 4, 4, 250];
        let bytes = Samples::Bytes(values.clone());
        let (size, averages) = of((5, 3), &bytes, 2);
        assert_eq!((size, averages.into_owned()), ((3, 2), Samples::Bytes(vec![2, 6, 9, 2, 4, 250])));
        let signed = Samples::Signed(values.iter().map(|value| i32::from(*value) - 100_000).collect());
        let (_, averages) = of((5, 3), &signed, 2);
        let expected = [2, 6, 9, 2, 4, 250].map(|value| value - 100_000).to_vec();
        assert_eq!(averages.into_owned(), Samples::Signed(expected));
    }

    #[test]
    fn the_brightest_picture_stays_so_by_any_factor() {
        for side in [2u32, 300, 1000] {
            let white = Samples::Unsigned(vec![u16::MAX; (side * side) as usize]);
            for max_side_px in [1, 7, side] {
                let ((width, height), averages) = of((side, side), &white, max_side_px);
                assert_eq!(averages.len() as u32, width * height);
                assert!(averages.iter().all(|value| value == i32::from(u16::MAX)), "{side} to {max_side_px}");
            }
        }
    }

    #[test]
    fn a_picture_less_than_twice_as_large_stays_as_it_is() {
        let samples = Samples::Bytes(vec![0; 200]);
        assert!(matches!(of((10, 20), &samples, 11), ((10, 20), Cow::Borrowed(_))));
        assert!(matches!(of((10, 20), &samples, 10), ((5, 10), Cow::Owned(_))));
    }
}
