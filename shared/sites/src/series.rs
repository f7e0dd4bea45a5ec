//! Which series an image belongs to, told by its header. What the header says is compared and never repeated: a
//! careless sender may have written anything there.

use hilum_events::SeriesName;
use hilum_headers::{HeaderAttribute, ImageHeader, Saying, saying};
use regex::Regex;

/// What the header of a DICOM object says of its series, as far as rules look at it. Not for any log: the description is
/// free text.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// What it says that the image shows.
    pub image: &'a ImageHeader,
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
    /// Whether an image with this header belongs to the series. A rule that asks for something that the header does not say does
    /// not fit.
    pub(crate) fn fits(&self, header: &Header<'_>) -> bool {
        let described = |pattern: &Regex| header.description.is_some_and(|text| pattern.is_match(text));
        let means = |attribute, codes: &Option<Vec<String>>| {
            let meant = |codes: &Vec<String>| saying(attribute, header.image, codes) == Saying::Meant;
            codes.as_ref().is_none_or(meant)
        };
        means(HeaderAttribute::Modality, &self.modality)
            && means(HeaderAttribute::BodyPart, &self.body_part)
            && means(HeaderAttribute::View, &self.view_position)
            && self.description.as_ref().is_none_or(described)
    }
}
