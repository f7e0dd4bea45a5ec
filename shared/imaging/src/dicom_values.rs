//! What a DICOM object offers beside its pixels: which of its values are read, and the codes of its header that rules
//! may look at. Knows no file format.

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

/// Codes from the header of a DICOM object: code strings only, no free text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DicomFacts {
    /// Modality (0008,0060), such as `DX`.
    pub modality: Option<String>,
    /// Body Part Examined (0018,0015), such as `CHEST`.
    pub body_part: Option<String>,
    /// View Position (0018,5101), such as `PA`.
    pub view: Option<String>,
}
