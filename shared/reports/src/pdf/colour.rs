//! The colours of a report on paper.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) [u8; 3]);

pub(super) const INK: Colour = Colour([0x1a, 0x1d, 0x21]);
pub(super) const GREY: Colour = Colour([0x4a, 0x51, 0x5a]);
pub(super) const RULE: Colour = Colour([0xc9, 0xce, 0xd4]);
pub(super) const HAIRLINE: Colour = Colour([0xe4, 0xe7, 0xea]);
pub(super) const WHITE: Colour = Colour([0xff; 3]);
pub(super) const AMBER: Colour = Colour([0x6b, 0x59, 0x00]);
pub(super) const AMBER_WASH: Colour = Colour([0xff, 0xf8, 0xdb]);
pub(super) const RED: Colour = Colour([0x7a, 0x00, 0x19]);
pub(super) const RED_BAR: Colour = Colour([0xa0, 0x00, 0x20]);
pub(super) const RED_WASH: Colour = Colour([0xff, 0xec, 0xee]);
pub(super) const ORANGE: Colour = Colour([0x7d, 0x35, 0x05]);
pub(super) const ORANGE_WASH: Colour = Colour([0xff, 0xf3, 0xe8]);
pub(super) const GREEN: Colour = Colour([0x1c, 0x52, 0x30]);
pub(super) const BLUE_BAR: Colour = Colour([0x46, 0x68, 0x8c]);
pub(super) const BLUE_WASH: Colour = Colour([0xf1, 0xf5, 0xf9]);
