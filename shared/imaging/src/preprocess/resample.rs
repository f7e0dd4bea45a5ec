//! A separable linear filter from a square of samples to a smaller or larger square of numbers: for each output row a
//! weighted sum of input rows, then for each output column one of columns. Does not know where the weights come from.
//!
//! Every sum is made in one fixed order and without fused multiplication, so that processors with and without wide
//! vectors give the same numbers. Down the columns it is summed in float32, along the rows, which are fewer, in float64.
#![allow(
    unsafe_code,
    reason = "multiversion asks the processor and then calls; nothing here is written unsafe"
)]

use multiversion::multiversion;

/// A sample as a file stores it.
pub(super) trait Sample: Copy + Ord {
    fn to_f32(self) -> f32;
}

impl Sample for u8 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self.into()
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self.into()
    }
}

impl Sample for i32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self as f32
    }
}

/// torchxrayvision `normalize`, in float32 and in its order: `(2·(v/max) − 1)·range`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) max: f32,
    pub(super) range: f32,
}

impl Scale {
    #[inline(always)]
    pub(super) fn apply<T: Sample>(self, value: T) -> f32 {
        (2.0 * (value.to_f32() / self.max) - 1.0) * self.range
    }
}

/// A square within a picture.
pub(super) struct Square<'a, T> {
    /// All samples of the picture, row by row.
    pub(super) samples: &'a [T],
    /// Pixels per row of the picture.
    pub(super) width: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) side: usize,
}

impl<T> Square<'_, T> {
    #[inline(always)]
    fn row(&self, y: usize) -> &[T] {
        &self.samples[(self.y + y) * self.width + self.x..][..self.side]
    }
}

/// The weights of one axis; both have the same.
#[derive(Default)]
pub(super) struct Filter {
    windows: Vec<Window>,
    weights: Vec<f64>,
}

/// The input positions that one output position is a weighted sum of.
struct Window {
    start: usize,
    /// Where its weights lie among all.
    weights: std::ops::Range<usize>,
}

impl Filter {
    /// Appends the window of the next output position: weights of the input positions from `start` on.
    pub(super) fn push(&mut self, start: usize, weights: impl IntoIterator<Item = f64>) {
        let first = self.weights.len();
        self.weights.extend(weights);
        self.windows.push(Window { start, weights: first..self.weights.len() });
    }

    /// Start and weights of each window.
    #[cfg(test)]
    pub(super) fn windows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        self.windows.iter().map(|window| (window.start, &self.weights[window.weights.clone()]))
    }

    fn longest(&self) -> usize {
        self.windows.iter().map(|window| window.weights.len()).max().unwrap_or(0)
    }
}

/// Only scales.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn scaled<T: Sample>(square: &Square<'_, T>, scale: Scale) -> Vec<f32> {
    let mut values = Vec::with_capacity(square.side * square.side);
    for y in 0..square.side {
        values.extend(square.row(y).iter().map(|value| scale.apply(*value)));
    }
    values
}

/// Smallest and largest sample.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn range<T: Sample>(square: &Square<'_, T>) -> (T, T) {
    let first = square.row(0)[0];
    let (mut low, mut high) = (first, first);
    for y in 0..square.side {
        for value in square.row(y) {
            low = low.min(*value);
            high = high.max(*value);
        }
    }
    (low, high)
}

/// Output rows that go along the rows together.
const BLOCK: usize = 8;

/// Scales and filters along both axes.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn filtered<T: Sample>(square: &Square<'_, T>, scale: Scale, filter: &Filter) -> Vec<f32> {
    let side = filter.windows.len();
    let mut output = vec![0.0; side * side];
    let mut rows = Rows::new(square.side, filter.longest());
    let mut sums = vec![0.0; square.side * BLOCK];
    let mut columns = vec![[0.0; BLOCK]; square.side];
    let factor = 2.0 * f64::from(scale.range) / f64::from(scale.max);
    for (windows, output) in filter.windows.chunks(BLOCK).zip(output.chunks_mut(BLOCK * side)) {
        for (window, sums) in windows.iter().zip(sums.chunks_exact_mut(square.side)) {
            rows.advance(window.start + window.weights.len(), |y, row| {
                for (to, value) in row.iter_mut().zip(square.row(y)) {
                    *to = value.to_f32() - 0.5 * scale.max;
                }
            });
            rows.sum(window.start, &filter.weights[window.weights.clone()], sums);
        }
        transpose(&sums, &mut columns);
        for (column, window) in filter.windows.iter().enumerate() {
            let weights = &filter.weights[window.weights.clone()];
            let sums = sum_columns(&columns[window.start..], weights);
            for (row, sum) in output.chunks_exact_mut(side).zip(sums) {
                row[column] = (sum * factor) as f32;
            }
        }
    }
    output
}

/// From rows to columns of a block.
#[inline(always)]
fn transpose(rows: &[f32], columns: &mut [[f64; BLOCK]]) {
    let side = columns.len();
    for (x, column) in columns.iter_mut().enumerate() {
        for (place, value) in column.iter_mut().enumerate() {
            *value = f64::from(rows[place * side + x]);
        }
    }
}

#[inline(always)]
fn sum_columns(columns: &[[f64; BLOCK]], weights: &[f64]) -> [f64; BLOCK] {
    let mut sums = [0.0; BLOCK];
    for (column, weight) in columns.iter().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(column) {
            *sum += value * weight;
        }
    }
    sums
}

/// The scaled rows that the current window covers. Windows move downwards only, so each row is scaled once.
struct Rows {
    width: usize,
    kept: usize,
    next: usize,
    values: Vec<f32>,
}

impl Rows {
    fn new(width: usize, kept: usize) -> Self {
        Self { width, kept: kept.max(1), next: 0, values: vec![0.0; width * kept.max(1)] }
    }

    #[inline(always)]
    fn row(&self, y: usize) -> &[f32] {
        &self.values[y % self.kept * self.width..][..self.width]
    }

    /// Makes the rows before `end`.
    #[inline(always)]
    fn advance(&mut self, end: usize, make: impl Fn(usize, &mut [f32])) {
        // Rows that no window will read any more need not be made.
        self.next = self.next.max(end.saturating_sub(self.kept));
        while self.next < end {
            make(self.next, &mut self.values[self.next % self.kept * self.width..][..self.width]);
            self.next += 1;
        }
    }

    /// The weighted sum of the rows from `start` on.
    #[inline(always)]
    fn sum(&self, start: usize, weights: &[f64], sums: &mut [f32]) {
        /// Columns whose sums stay in registers.
        const LANES: usize = 64;
        let rows: Vec<(&[f32], f32)> =
            weights.iter().enumerate().map(|(y, weight)| (self.row(start + y), *weight as f32)).collect();
        let (chunks, rest) = sums.as_chunks_mut::<LANES>();
        for (index, to) in chunks.iter_mut().enumerate() {
            let mut sum = [0.0; LANES];
            for (row, weight) in &rows {
                let Some(row) = row[index * LANES..].first_chunk::<LANES>() else { continue };
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += *value * *weight;
                }
            }
            *to = sum;
        }
        let done = self.width - rest.len();
        rest.fill(0.0);
        for (row, weight) in &rows {
            for (sum, value) in rest.iter_mut().zip(&row[done..]) {
                *sum += *value * *weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Scale = Scale { max: 2.0, range: 1.0 };

    /// The definition, without any of the ways in which the above is fast.
    fn by_definition(square: &Square<'_, u8>, filter: &Filter) -> Vec<f64> {
        let mut output = Vec::new();
        for (y, down) in filter.windows() {
            for (x, along) in filter.windows() {
                let mut sum = 0.0;
                for (i, weight_y) in down.iter().enumerate() {
                    for (j, weight_x) in along.iter().enumerate() {
                        let value = PLAIN.apply(square.row(y + i)[x + j]);
                        sum += f64::from(value) * weight_y * weight_x;
                    }
                }
                output.push(sum);
            }
        }
        output
    }

    #[test]
    fn sums_are_those_of_the_definition_for_any_side_and_place() {
        for (side, outputs, taps) in [(1, 3, 1), (33, 9, 5), (70, 16, 12), (101, 20, 1)] {
            let (width, x, y) = (side + 5, 3, 2);
            let samples: Vec<u8> = (0..width * (side + 4)).map(|index| (index * 31 % 251) as u8).collect();
            let square = Square { samples: &samples, width, x, y, side };
            let mut filter = Filter::default();
            for index in 0..outputs {
                let start = index * (side - taps) / (outputs - 1);
                filter.push(start, (0..taps).map(|tap| 0.1 + (tap * index % 7) as f64));
            }
            let found = filtered(&square, PLAIN, &filter);
            for (found, expected) in found.iter().zip(by_definition(&square, &filter)) {
                let difference = (f64::from(*found) - expected).abs();
                assert!(difference <= 1e-6 * expected.abs().max(1.0), "{found}, by definition {expected}");
            }
            assert_eq!(found.len(), outputs * outputs);
        }
    }

    #[test]
    fn scaling_and_range_look_at_the_square_only() {
        let samples: Vec<u16> = (0..20).collect();
        let square = Square { samples: &samples, width: 5, x: 1, y: 2, side: 2 };
        assert_eq!(range(&square), (11, 17));
        assert_eq!(scaled(&square, PLAIN), [10.0, 11.0, 15.0, 16.0]);
    }
}
