//! Turns a lossy 8-bit JPEG into the 12-bit JPEG of the same picture sixteen times as bright, by its headers alone.
//!
//! Why: pydicom's JPEG decoder (libjpeg by T. Richter) computes samples with four fractional bits, rounds them to
//! those, and then rounds to integers, so that everything from 15/32 upwards goes up; libjpeg-turbo rounds once.
//! The 12-bit path of libjpeg-turbo on sixteenfold quantiser steps gives just these four bits.

use super::segments::{self, DQT, SOF_BASELINE, SOF_EXTENDED, SOF_PROGRESSIVE, SOS, Segment, is_frame};

const FRACTION_BITS: u32 = 4;
/// Bits per sample of what is made wider, and of what is made narrow again.
pub(super) const BITS: u32 = 8;

/// The wider JPEG, or `None` where that can't be done: other precisions, lossless, quantiser steps too large, tables
/// between scans.
pub(super) fn widened(jpeg: &[u8]) -> Option<Vec<u8>> {
    let mut wide = jpeg.get(..2)?.to_vec();
    let mut rest = &jpeg[2..];
    let mut found_frame = false;
    loop {
        let (Segment { marker, content }, after) = segments::next(rest)?;
        match marker {
            DQT => segments::push(&mut wide, DQT, &wide_tables(content)?)?,
            SOF_BASELINE | SOF_EXTENDED | SOF_PROGRESSIVE => {
                let (&[8], others) = content.split_at_checked(1)? else { return None };
                let marker = if marker == SOF_BASELINE { SOF_EXTENDED } else { marker };
                segments::push(&mut wide, marker, &[&[8 + FRACTION_BITS as u8], others].concat())?;
                found_frame = true;
            }
            SOS if found_frame && !has_later_tables(after) => {
                segments::push(&mut wide, SOS, content)?;
                wide.extend_from_slice(after);
                return Some(wide);
            }
            SOS => return None,
            marker if is_frame(marker) => return None,
            _ => segments::push(&mut wide, marker, content)?,
        }
        rest = after;
    }
}

/// Samples of the wider JPEG rounded back to 8 bits.
pub(super) fn narrowed(mut samples: Vec<u16>) -> Vec<u16> {
    const HALF: u16 = 1 << (FRACTION_BITS - 1);
    for sample in &mut samples {
        *sample = ((*sample + HALF) >> FRACTION_BITS).min(255);
    }
    samples
}

/// Quantiser tables with every step times sixteen, in 16 bits each.
fn wide_tables(mut tables: &[u8]) -> Option<Vec<u8>> {
    const STEPS: usize = 64;
    let mut wide = Vec::new();
    while let Some((&head, rest)) = tables.split_first() {
        let (wide_steps, table) = (head >> 4 != 0, head & 0x0F);
        let (steps, rest) = rest.split_at_checked(if wide_steps { 2 * STEPS } else { STEPS })?;
        wide.push(0x10 | table);
        for step in steps.chunks_exact(if wide_steps { 2 } else { 1 }) {
            let step = step.iter().fold(0u16, |step, byte| step << 8 | u16::from(*byte));
            wide.extend_from_slice(&step.checked_mul(1 << FRACTION_BITS)?.to_be_bytes());
        }
        tables = rest;
    }
    Some(wide)
}

fn has_later_tables(scan: &[u8]) -> bool {
    scan.windows(2).any(|marker| marker == [0xFF, DQT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiser_steps_become_sixteenfold_and_sixteen_bit() {
        let mut narrow = vec![0x01];
        narrow.extend([3; 64]);
        let wide = wide_tables(&narrow).unwrap();
        assert_eq!((wide.len(), wide[0], &wide[1..5]), (129, 0x11, &[0, 48, 0, 48][..]));
        let mut huge = vec![0x10];
        huge.extend([0x10; 128]);
        assert_eq!(wide_tables(&huge), None);
    }

    #[test]
    fn samples_are_rounded_half_up_and_bounded() {
        assert_eq!(narrowed(vec![0, 7, 8, 23, 24, 4087, 4095]), [0, 0, 1, 1, 2, 255, 255]);
    }

    #[test]
    fn what_is_not_a_jpeg_is_not_widened() {
        for bytes in
            [&b""[..], b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xdb\x00\x01", b"\xff\xd8\xff\xda\x00\x02"]
        {
            assert_eq!(widened(bytes), None);
        }
    }
}
