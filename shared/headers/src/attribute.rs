//! What rules ask of a header. Knows no values.

use serde::{Deserialize, Serialize};

/// What an image is, as far as its header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderAttribute {
    /// The kind of device that made it, such as `CR`: Modality (0008,0060) and SOP Class UID (0008,0016).
    Modality,
    /// What it shows, such as `CHEST`: Body Part Examined (0018,0015) and Anatomic Region Sequence (0008,2218).
    BodyPart,
    /// The direction that it is seen from, such as `PA`: View Position (0018,5101), View Code Sequence (0054,0220), Patient Orientation
    /// (0020,0020), and a view that is named with the body part.
    View,
    /// Whom it is for, `FOR PRESENTATION` or `FOR PROCESSING`: Presentation Intent Type (0008,0068) and SOP Class UID.
    Intent,
    /// The kind of being that it shows, such as `HUMAN`: Patient Species Description (0010,2201) and Code Sequence (0010,2202), and
    /// Patient Breed Description (0010,2292).
    Species,
}
