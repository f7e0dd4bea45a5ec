//! Which series an image belongs to, told by its header. What the header says is compared and never repeated: a
//! careless sender may have written anything there.

use hilum_events::SeriesName;
use regex::Regex;

/// What the header of a DICOM object says of its series, as far as rules look at it. Not for any log: the description is
/// free text.
#[derive(Clone, Copy, Default)]
pub struct Header<'a> {
    /// Modality (0008,0060), such as `DX`.
    pub modality: Option<&'a str>,
    /// Body Part Examined (0018,0015), such as `CHEST`.
    pub body_part: Option<&'a str>,
    /// View Position (0018,5101), such as `PA`.
    pub view_position: Option<&'a str>,
    /// Series Description (0008,103E).
    pub description: Option<&'a str>,
}

/// One `[[series]]`: an image belongs to it if everything that the rule names fits.
#[derive(Debug, Clone)]
pub(crate) struct SeriesRule {
    pub(crate) name: SeriesName,
    pub(crate) modality: Option<Vec<String>>,
    pub(crate) body_part: Option<Vec<String>>,
    pub(crate) view_position: Option<Vec<String>>,
    pub(crate) description: Option<Regex>,
}

impl SeriesRule {
    /// Whether an image with this header belongs to the series. What the header does not say fits no rule that asks.
    pub(crate) fn fits(&self, header: &Header<'_>) -> bool {
        let described = |pattern: &Regex| header.description.is_some_and(|text| pattern.is_match(text));
        is_one_of(self.modality.as_ref(), header.modality)
            && is_one_of(self.body_part.as_ref(), header.body_part)
            && is_one_of(self.view_position.as_ref(), header.view_position)
            && self.description.as_ref().is_none_or(described)
    }
}

fn is_one_of(codes: Option<&Vec<String>>, value: Option<&str>) -> bool {
    let Some(codes) = codes else { return true };
    value.is_some_and(|value| codes.iter().any(|code| code.eq_ignore_ascii_case(value)))
}
