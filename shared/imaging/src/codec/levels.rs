//! Samples to levels through a table: a picture has more samples than values. Does not know what a level means.

use crate::picture::Samples;

/// Applies `level` to each sample. It is called once for every value from the smallest to the largest, at most 65536 times.
pub(super) fn of<T: Copy>(samples: &Samples, level: impl Fn(i32) -> T) -> Vec<T> {
    let (smallest, largest) = samples.range();
    let table: Vec<T> = (smallest..=largest).map(level).collect();
    let level_of = |value: i32| table[(value - smallest) as usize];
    match samples {
        Samples::Bytes(values) => values.iter().map(|value| level_of(i32::from(*value))).collect(),
        Samples::Unsigned(values) => values.iter().map(|value| level_of(i32::from(*value))).collect(),
        Samples::Signed(values) => values.iter().map(|value| level_of(*value)).collect(),
    }
}
