//! Which DICOM objects a model was made for, told by their headers. Pure: knows no DICOM file, and never repeats in its
//! words what a header says, because a careless sender may have written anything there.

use hilum_events::Sha256Digest;
use hilum_headers::{ImageHeader, Saying, saying};
use serde::{Deserialize, Serialize};

pub use hilum_headers::HeaderAttribute;

/// What a rule decides about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is read.
    Read,
    /// It is read, and whoever sees the result is told.
    Flag,
    /// It is not read, and the sender is told why.
    Refuse,
}

/// One `[[header_rule]]` of `model.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The attribute that is looked at.
    pub attribute: HeaderAttribute,
    /// The values the model was made for. A header fits if all that it says of the attribute means one of these,
    /// however it is written.
    pub values: Vec<String>,
    /// What becomes of an image with another value.
    pub otherwise: Verdict,
    /// What becomes of an image whose header does not tell.
    pub missing: Verdict,
}

/// How an image breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// [`Verdict::Flag`] or [`Verdict::Refuse`].
    pub verdict: Verdict,
    /// Stable word for programs, such as `other_body_part` or `unknown_view`.
    pub code: &'static str,
    /// Sentence for people, in words of our own.
    pub text: String,
}

impl HeaderRule {
    /// The rules of a network for frontal chest X-rays: other modalities and body parts are refused, other views and
    /// unnamed ones are read with a notice, because some senders never fill the view in or fill it in wrongly.
    pub fn chest_x_ray() -> Vec<Self> {
        use HeaderAttribute::{BodyPart, Modality, View};
        use Verdict::{Flag, Read, Refuse};
        vec![
            Self::new(Modality, &["CR", "DX", "DR", "RG"], Refuse, Flag),
            Self::new(BodyPart, &["CHEST", "THORAX", "LUNG"], Refuse, Read),
            Self::new(View, &["PA", "AP"], Flag, Flag),
        ]
    }

    /// The rules that every model with rules implies unless it has its own on the same attribute: the image is of a human, and
    /// is no raw data of a detector.
    fn implied() -> [Self; 2] {
        use HeaderAttribute::{Intent, Species};
        use Verdict::{Read, Refuse};
        [Self::new(Intent, &["FOR PRESENTATION"], Refuse, Read), Self::new(Species, &["HUMAN"], Refuse, Read)]
    }

    fn new(attribute: HeaderAttribute, values: &[&str], otherwise: Verdict, missing: Verdict) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { attribute, values, otherwise, missing }
    }

    /// What makes the rule useless, if something does.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_word = |value: &String| value.chars().any(char::is_alphanumeric);
        if self.values.is_empty() || !self.values.iter().all(is_word) {
            Some("has a rule without values, or with an empty one")
        } else if self.otherwise == Verdict::Read {
            Some("has a rule with otherwise = \"read\", which says nothing; write flag or refuse")
        } else {
            None
        }
    }

    fn objection(&self, header: &ImageHeader) -> Option<Objection> {
        let names = Names::of(self.attribute);
        let meant = self.values.join(", ");
        let (verdict, code, text) = match saying(self.attribute, header, &self.values) {
            Saying::Meant => return None,
            Saying::Nothing => {
                let text = format!(
                    "the DICOM header does not name the {}; the model is made for {meant}",
                    names.spoken
                );
                (self.missing, names.unknown_code, text)
            }
            Saying::Other => {
                let text = format!(
                    "the {} in the DICOM header is none that the model is made for ({meant})",
                    names.spoken
                );
                (self.otherwise, names.other_code, text)
            }
        };
        (verdict != Verdict::Read).then_some(Objection { verdict, code, text })
    }
}

/// The rules that an image with this header breaks, in their order; those that every model implies come last. A model without
/// any rule takes all images.
pub fn objections(rules: &[HeaderRule], header: &ImageHeader) -> Vec<Objection> {
    let implied = implied_beside(rules);
    rules.iter().chain(&implied).filter_map(|rule| rule.objection(header)).collect()
}

fn implied_beside(rules: &[HeaderRule]) -> Vec<HeaderRule> {
    let is_open = |implied: &HeaderRule| rules.iter().all(|rule| rule.attribute != implied.attribute);
    let implied = HeaderRule::implied().into_iter().filter(is_open);
    if rules.is_empty() { Vec::new() } else { implied.collect() }
}

/// A digest that changes when these rules, what they imply, or this release's way to compare would refuse other images.
pub(crate) fn rules_digest(rules: &[HeaderRule]) -> Sha256Digest {
    let all = (rules, implied_beside(rules), hilum_headers::edition());
    Sha256Digest::of(&serde_json::to_vec(&all).expect("rules are words and have a JSON form"))
}

struct Names {
    spoken: &'static str,
    other_code: &'static str,
    unknown_code: &'static str,
}

impl Names {
    fn of(attribute: HeaderAttribute) -> Self {
        let (spoken, other_code, unknown_code) = match attribute {
            HeaderAttribute::Modality => ("modality", "other_modality", "unknown_modality"),
            HeaderAttribute::BodyPart => ("body part", "other_body_part", "unknown_body_part"),
            HeaderAttribute::View => ("view", "other_view", "unknown_view"),
            HeaderAttribute::Intent => ("presentation intent", "not_for_presentation", "unknown_intent"),
            HeaderAttribute::Species => ("species of the patient", "other_species", "unknown_species"),
        };
        Self { spoken, other_code, unknown_code }
    }
}

#[cfg(test)]
mod tests {
    use hilum_headers::HeaderValue;

    use super::*;

    fn header(modality: &str, body_part: &str, view: &str) -> ImageHeader {
        let value = HeaderValue::of;
        let (modality, body_part, view_position) = (value(modality), value(body_part), value(view));
        ImageHeader { modality, body_part, view_position, ..ImageHeader::default() }
    }

    fn judged_as(header: &ImageHeader) -> Vec<(Verdict, &'static str)> {
        let objections = objections(&HeaderRule::chest_x_ray(), header);
        objections.iter().map(|objection| (objection.verdict, objection.code)).collect()
    }

    fn judged(modality: &str, body_part: &str, view: &str) -> Vec<(Verdict, &'static str)> {
        judged_as(&header(modality, body_part, view))
    }

    #[test]
    fn a_frontal_chest_x_ray_is_read_without_a_word() {
        assert_eq!(judged("DX", "CHEST", "PA"), []);
        assert_eq!(judged("CR", "", "AP"), []);
        assert_eq!(judged("CR", "PORT CHEST", "ap"), []);
        assert_eq!(judged("cr", "Chest PA", ""), []);
    }

    #[test]
    fn other_modalities_and_body_parts_are_refused_and_other_views_flagged() {
        assert_eq!(judged("CT", "CHEST", "PA"), [(Verdict::Refuse, "other_modality")]);
        assert_eq!(judged("CR", "EXTREMITY", "PA"), [(Verdict::Refuse, "other_body_part")]);
        assert_eq!(judged("CR", "", "LL"), [(Verdict::Flag, "other_view")]);
        assert_eq!(judged("CR", "CHEST", ""), [(Verdict::Flag, "unknown_view")]);
        assert_eq!(
            judged("", "", ""),
            [(Verdict::Flag, "unknown_modality"), (Verdict::Flag, "unknown_view")]
        );
    }

    #[test]
    fn what_is_there_but_no_code_does_not_count_as_missing() {
        for body_part in ["Abdomen", "T-SPINE", "HAND, LEFT", "LUMBAR SPINE LATERAL"] {
            assert!(
                judged("CR", body_part, "PA").contains(&(Verdict::Refuse, "other_body_part")),
                "{body_part}"
            );
        }
        for view in ["Left Lateral", "XTABLE LATERAL", "PA\\LAT"] {
            assert_eq!(judged("CR", "CHEST", view), [(Verdict::Flag, "other_view")], "{view}");
        }
        assert_eq!(judged("Ultrasound", "CHEST", "PA"), [(Verdict::Refuse, "other_modality")]);
    }

    #[test]
    fn raw_data_and_animals_are_refused_unless_a_rule_says_otherwise() {
        let raw = ImageHeader {
            presentation_intent: HeaderValue::of("FOR PROCESSING"),
            species: HeaderValue::of("Canine"),
            ..header("DX", "CHEST", "PA")
        };
        let refused = [(Verdict::Refuse, "not_for_presentation"), (Verdict::Refuse, "other_species")];
        assert_eq!(judged_as(&raw), refused);
        assert_eq!(objections(&[], &raw), [], "a model without rules takes all");
        let of_dogs =
            HeaderRule::new(HeaderAttribute::Species, &["CANINE"], Verdict::Refuse, Verdict::Refuse);
        let of_dogs = objections(&[of_dogs], &raw);
        assert_eq!(
            of_dogs.iter().map(|objection| objection.code).collect::<Vec<_>>(),
            ["not_for_presentation"]
        );
    }

    #[test]
    fn other_rules_have_another_digest_and_the_same_ones_the_same() {
        let rules = HeaderRule::chest_x_ray();
        assert_eq!(rules_digest(&rules), rules_digest(&HeaderRule::chest_x_ray()));
        assert_ne!(rules_digest(&rules), rules_digest(&rules[1..]));
        let as_before = Sha256Digest::of(&serde_json::to_vec(&rules).unwrap());
        assert_ne!(rules_digest(&rules), as_before, "values are compared otherwise than before");
    }

    #[test]
    fn the_words_of_the_header_are_not_repeated() {
        let objections = objections(&HeaderRule::chest_x_ray(), &header("CANARY", "CANARY", "CANARY"));
        assert_eq!(objections.len(), 3);
        assert!(objections.iter().all(|objection| !objection.text.contains("CANARY")));
    }

    #[test]
    fn a_rule_that_says_nothing_is_none() {
        let mut rule = HeaderRule::chest_x_ray().remove(0);
        assert_eq!(rule.fault(), None);
        rule.otherwise = Verdict::Read;
        assert!(rule.fault().is_some());
        for values in [vec![], vec![" - ".to_owned()]] {
            (rule.otherwise, rule.values) = (Verdict::Flag, values);
            assert!(rule.fault().is_some());
        }
    }
}
