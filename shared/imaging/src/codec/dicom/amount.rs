//! Whether as much pixel data is there as the header needs. Knows no encoding.

use crate::error::{Refusal, RefusalCode};

/// Refuses less than a picture needs, and so much more that it must be another picture: another number of pixels, frames or
/// colours, or samples of another size.
pub(super) fn check_amount(what: &str, found: usize, needed: usize) -> Result<(), Refusal> {
    let padding_max = usize::max(needed / 2, 1);
    if (needed..=needed.saturating_add(padding_max)).contains(&found) {
        return Ok(());
    }
    Err(RefusalCode::SizeMismatch.with(format!("{found} {what}, the header says {needed}")))
}
