//! All values of a header that tell what its image shows.

use serde::{Deserialize, Serialize};

use crate::value::{Concept, HeaderValue};

/// The attributes of a header that tell what its image shows. It is compared and then forgotten: a careless
/// sender may have written a name anywhere. `Debug` shows no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHeader {
    /// Modality (0008,0060), such as `CR`.
    pub modality: HeaderValue,
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: HeaderValue,
    /// Presentation Intent Type (0008,0068), such as `FOR PRESENTATION`.
    pub presentation_intent: HeaderValue,
    /// Body Part Examined (0018,0015), such as `CHEST`.
    pub body_part: HeaderValue,
    /// Anatomic Region Sequence (0008,2218).
    pub anatomic_regions: Vec<Concept>,
    /// View Position (0018,5101), such as `PA`.
    pub view_position: HeaderValue,
    /// View Code Sequence (0054,0220).
    pub view_codes: Vec<Concept>,
    /// Patient Orientation (0020,0020), such as `L\F`.
    pub patient_orientation: HeaderValue,
    /// Patient Species Description (0010,2201).
    pub species: HeaderValue,
    /// Patient Species Code Sequence (0010,2202).
    pub species_codes: Vec<Concept>,
    /// Patient Breed Description (0010,2292): only animals have one.
    pub breed: HeaderValue,
}

impl ImageHeader {
    /// The most items of a code sequence that are looked at. More than one is already more than the standard has.
    const CONCEPTS_MAX: usize = 8;

    /// The header with values that are bounded as an honest reader makes them: a file may have taken over the decoder process
    /// that it came from.
    #[must_use]
    pub fn bounded(self) -> Self {
        let concepts = |concepts: Vec<Concept>| {
            let bounded =
                |Concept { code, meaning }| Concept { code: code.bounded(), meaning: meaning.bounded() };
            concepts.into_iter().take(Self::CONCEPTS_MAX).map(bounded).collect()
        };
        Self {
            modality: self.modality.bounded(),
            sop_class_uid: self.sop_class_uid.bounded(),
            presentation_intent: self.presentation_intent.bounded(),
            body_part: self.body_part.bounded(),
            anatomic_regions: concepts(self.anatomic_regions),
            view_position: self.view_position.bounded(),
            view_codes: concepts(self.view_codes),
            patient_orientation: self.patient_orientation.bounded(),
            species: self.species.bounded(),
            species_codes: concepts(self.species_codes),
            breed: self.breed.bounded(),
        }
    }
}
