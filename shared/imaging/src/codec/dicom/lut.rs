//! Look-up tables of a DICOM header (PS3.3 C.11.1.1). Does not know what input and output mean.

use dicom_core::VR;
use dicom_core::value::Value;
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, Tag};

use crate::error::{Refusal, RefusalCode};

/// A table from input values to 0..=[`Self::max_value`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lut {
    /// The input of the first entry; smaller inputs have the same output.
    first_input: i64,
    max_value: u16,
    /// Never empty.
    entries: Vec<u16>,
}

impl Lut {
    /// The table in the first item of `sequence`, for inputs from `inputs.0` to `inputs.1`; `None` if there is no item.
    pub(super) fn of(
        object: &InMemDicomObject,
        sequence: Tag,
        inputs: (f64, f64),
    ) -> Result<Option<Self>, Refusal> {
        let Some(value) = object.get(sequence).map(|element| element.value()) else { return Ok(None) };
        let Some(items) = value.items() else {
            return Err(RefusalCode::UnusableWindow.with("a look-up table that is no sequence".into()));
        };
        let Some(item) = items.first() else { return Ok(None) };
        let descriptor = words(item, tags::LUT_DESCRIPTOR, 3);
        let &[count, first, bits] = descriptor.as_slice() else {
            return Err(RefusalCode::UnusableWindow.with("a look-up table without descriptor".into()));
        };
        // More than 65535 entries have no number in 16 bits.
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        if !(8..=16).contains(&bits) {
            return Err(RefusalCode::UnusableWindow.with(format!("a look-up table of {bits} bits")));
        }
        let max_value = u16::MAX >> (16 - bits);
        let mut entries = words(item, tags::LUT_DATA, count);
        if entries.len() < count {
            let found = entries.len();
            return Err(RefusalCode::UnusableWindow
                .with(format!("{found} of {count} entries of a look-up table of 16-bit words")));
        }
        entries.iter_mut().for_each(|entry| *entry = max_value.min(*entry));
        let declared_signed = item.get(tags::LUT_DESCRIPTOR).is_some_and(|element| element.vr() == VR::SS);
        let first_input = first_input(first, declared_signed, inputs);
        Ok(Some(Self { first_input, max_value, entries }))
    }

    /// The entry for an input; fractions are cut off, and inputs beyond an end have the output of that end.
    pub(super) fn output(&self, input: f64) -> u16 {
        let last = self.entries.len() as i64 - 1;
        let index = (input.floor() as i64).saturating_sub(self.first_input).clamp(0, last);
        self.entries[index as usize]
    }

    /// The largest possible output.
    pub(super) fn max_value(&self) -> u16 {
        self.max_value
    }
}

/// The second number of a descriptor. Some writers declare it unsigned where inputs are signed: a number that only makes sense
/// as a negative one is taken for that.
fn first_input(word: u16, declared_signed: bool, (smallest, largest): (f64, f64)) -> i64 {
    let makes_sense_unsigned = smallest >= 0.0 || f64::from(word) <= largest;
    if declared_signed || !makes_sense_unsigned { i64::from(word.cast_signed()) } else { i64::from(word) }
}

/// The first `count` 16-bit words of an element, whatever its value representation; fewer if it is shorter or absent.
fn words(item: &InMemDicomObject, tag: Tag, count: usize) -> Vec<u16> {
    let Some(Value::Primitive(value)) = item.get(tag).map(|element| element.value()) else {
        return Vec::new();
    };
    let bytes = value.to_bytes();
    bytes.chunks_exact(2).take(count).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_beyond_the_ends_have_the_output_of_the_ends() {
        let lut = Lut { first_input: -2, max_value: 255, entries: vec![10, 20, 30] };
        let outputs = [f64::MIN, -3.0, -2.0, -1.5, -1.0, 0.9, 7.0, f64::MAX].map(|input| lut.output(input));
        assert_eq!(outputs, [10, 10, 10, 10, 20, 30, 30, 30]);
    }

    #[test]
    fn a_first_input_is_negative_where_it_is_declared_so_or_would_lie_beyond_all_inputs() {
        let word = (-2048i16).cast_unsigned();
        assert_eq!(first_input(word, true, (0.0, 65535.0)), -2048);
        assert_eq!(first_input(word, false, (0.0, 65535.0)), 63488);
        assert_eq!(first_input(word, false, (-2048.0, 2047.0)), -2048);
        assert_eq!(first_input(word, false, (-2048.0, 65000.0)), 63488);
    }
}
