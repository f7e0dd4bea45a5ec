//! What a header says to a rule: what it means, something else, or nothing.

use serde::{Deserialize, Serialize};

use crate::header::ImageHeader;
use crate::sources;
use crate::words::{Meant, Mention};

/// What an image is, as far as its header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderAttribute {
    /// By what kind of device it was made, such as `CR`: Modality (0008,0060) and SOP Class UID (0008,0016).
    Modality,
    /// What it shows, such as `CHEST`: Body Part Examined (0018,0015) and Anatomic Region Sequence (0008,2218).
    BodyPart,
    /// From where, such as `PA`: View Position (0018,5101), View Code Sequence (0054,0220), Patient Orientation
    /// (0020,0020), and a view that is named with the body part.
    View,
    /// For whom, `FOR PRESENTATION` or `FOR PROCESSING`: Presentation Intent Type (0008,0068) and SOP Class UID.
    Intent,
    /// Of what being, such as `HUMAN`: Patient Species Description (0010,2201) and Code Sequence (0010,2202), and
    /// Patient Breed Description (0010,2292).
    Species,
}

/// What a header says to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    /// Nothing is there.
    Nothing,
    /// What the rule means, and nothing that contradicts it.
    Meant,
    /// Something else, be it only in one place, or something that can't be told.
    Other,
}

/// What `header` says of `attribute` to a rule that means one of `values`.
pub fn saying<S: AsRef<str>>(attribute: HeaderAttribute, header: &ImageHeader, values: &[S]) -> Saying {
    let meant = Meant::of(sources::table(attribute), values);
    let mentions = sources::mentions(attribute, header, &meant);
    if mentions.contains(&Mention::Foreign) {
        Saying::Other
    } else if mentions.contains(&Mention::Meant) {
        Saying::Meant
    } else if mentions.is_empty() {
        Saying::Nothing
    } else {
        Saying::Other
    }
}

#[cfg(test)]
mod tests;
