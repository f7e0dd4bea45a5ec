//! Which values of a DICOM object become the picture, and which of its header rules may look at. Knows no file format.

use std::fmt;

use hilum_events::DicomIdentity;
use hilum_headers::ImageHeader;
use serde::{Deserialize, Serialize};

/// Which values of a DICOM object become the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DicomValues {
    /// Stored values without rescale or window, as torchxrayvision reads them.
    #[default]
    Stored,
    /// Through the modality LUT or rescale and then the first VOI LUT or window: 0 is its lower end, 65535 its upper.
    Window,
}

/// The part of a DICOM header that is known before any pixel is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// The identifiers that are kept.
    pub identity: DicomIdentity,
    /// What rules may look at to tell the series.
    pub series: SeriesHeader,
}

/// What a header says of its series. It is compared with rules and then forgotten: the description is free text, in which
/// a careless sender may have written a name.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesHeader {
    /// The attributes that tell what the image shows.
    pub image: ImageHeader,
    /// Series Description (0008,103E), its first 64 characters.
    pub description: Option<String>,
}

impl SeriesHeader {
    /// The most characters that the standard allows a description.
    pub(crate) const DESCRIPTION_MAX_CHARS: usize = 64;
}

/// Without the description, lest it comes into a log.
impl fmt::Debug for SeriesHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesHeader").field("image", &self.image).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_not_shown_to_those_who_debug() {
        let description = Some("Doe^John".to_owned());
        let header = SeriesHeader { description, ..SeriesHeader::default() };
        assert!(!format!("{header:?}").contains("Doe"));
    }
}
