//! Which DICOM objects a model was made for, told by their headers. Pure: knows no DICOM file, only the values of three
//! attributes, and never repeats them in its words, because a careless sender may have written anything there.

use serde::{Deserialize, Serialize};

/// An attribute of the DICOM header that tells what an image shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderAttribute {
    /// Modality (0008,0060), such as `CR`.
    Modality,
    /// Body Part Examined (0018,0015), such as `CHEST`.
    BodyPart,
    /// View Position (0018,5101), such as `PA`.
    View,
}

/// What becomes of an image.
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
    /// What is looked at.
    pub attribute: HeaderAttribute,
    /// The values the model was made for. A header value of several words fits if one of its words is here.
    pub values: Vec<String>,
    /// What becomes of an image with another value.
    pub otherwise: Verdict,
    /// What becomes of an image that does not tell.
    pub missing: Verdict,
}

/// What a header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeaderFacts<'a> {
    /// Modality (0008,0060).
    pub modality: Option<&'a str>,
    /// Body Part Examined (0018,0015).
    pub body_part: Option<&'a str>,
    /// View Position (0018,5101).
    pub view: Option<&'a str>,
}

/// A rule that an image does not keep.
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
    /// The rules of a network for frontal chest X-rays: other modalities and body parts are refused, other views
    /// are read with a notice, because some senders never fill the view in or fill it in wrongly.
    pub fn chest_x_ray() -> Vec<Self> {
        use HeaderAttribute::{BodyPart, Modality, View};
        use Verdict::{Flag, Read, Refuse};
        let rule = |attribute, values: &[&str], otherwise, missing| Self {
            attribute,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            otherwise,
            missing,
        };
        vec![
            rule(Modality, &["CR", "DX", "DR", "RG"], Refuse, Flag),
            rule(BodyPart, &["CHEST", "THORAX", "LUNG"], Refuse, Read),
            rule(View, &["PA", "AP"], Flag, Read),
        ]
    }

    /// Why the rule is none, if so.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.values.is_empty() || self.values.iter().any(|value| value.trim().is_empty()) {
            Some("has a rule without values, or with an empty one")
        } else if self.otherwise == Verdict::Read {
            Some("has a rule with otherwise = \"read\", which says nothing; write flag or refuse")
        } else {
            None
        }
    }

    fn objection(&self, facts: &HeaderFacts<'_>) -> Option<Objection> {
        let names = Names::of(self.attribute);
        let value = match self.attribute {
            HeaderAttribute::Modality => facts.modality,
            HeaderAttribute::BodyPart => facts.body_part,
            HeaderAttribute::View => facts.view,
        };
        let meant = self.values.join(", ");
        let (verdict, code, text) = match value {
            None => {
                let text = format!(
                    "the DICOM header does not name the {}; the model is made for {meant}",
                    names.spoken
                );
                (self.missing, names.unknown_code, text)
            }
            Some(value) if self.fits(value) => return None,
            Some(_) => {
                let text = format!(
                    "the {} in the DICOM header is none that the model is made for ({meant})",
                    names.spoken
                );
                (self.otherwise, names.other_code, text)
            }
        };
        (verdict != Verdict::Read).then_some(Objection { verdict, code, text })
    }

    fn fits(&self, value: &str) -> bool {
        let is_meant = |text: &str| self.values.iter().any(|meant| meant.eq_ignore_ascii_case(text));
        is_meant(value) || value.split_whitespace().any(is_meant)
    }
}

/// All rules that an image with these header values does not keep, in the order of the rules.
pub fn objections(rules: &[HeaderRule], facts: &HeaderFacts<'_>) -> Vec<Objection> {
    rules.iter().filter_map(|rule| rule.objection(facts)).collect()
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
        };
        Self { spoken, other_code, unknown_code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        modality: Option<&str>,
        body_part: Option<&str>,
        view: Option<&str>,
    ) -> Vec<(Verdict, &'static str)> {
        let facts = HeaderFacts { modality, body_part, view };
        let objections = objections(&HeaderRule::chest_x_ray(), &facts);
        objections.iter().map(|objection| (objection.verdict, objection.code)).collect()
    }

    #[test]
    fn a_frontal_chest_x_ray_is_read_without_a_word() {
        assert_eq!(judged(Some("DX"), Some("CHEST"), Some("PA")), []);
        assert_eq!(judged(Some("CR"), None, None), []);
        assert_eq!(judged(Some("CR"), Some("PORT CHEST"), Some("ap")), []);
    }

    #[test]
    fn other_modalities_and_body_parts_are_refused_and_other_views_flagged() {
        assert_eq!(judged(Some("CT"), Some("CHEST"), None), [(Verdict::Refuse, "other_modality")]);
        assert_eq!(judged(Some("CR"), Some("EXTREMITY"), None), [(Verdict::Refuse, "other_body_part")]);
        assert_eq!(judged(Some("CR"), None, Some("LL")), [(Verdict::Flag, "other_view")]);
        assert_eq!(judged(None, None, None), [(Verdict::Flag, "unknown_modality")]);
    }

    #[test]
    fn the_words_of_the_header_are_not_repeated() {
        let facts = HeaderFacts { modality: Some("CANARY"), body_part: Some("CANARY"), view: Some("CANARY") };
        let objections = objections(&HeaderRule::chest_x_ray(), &facts);
        assert_eq!(objections.len(), 3);
        assert!(objections.iter().all(|objection| !objection.text.contains("CANARY")));
    }

    #[test]
    fn a_rule_that_says_nothing_is_none() {
        let mut rule = HeaderRule::chest_x_ray().remove(0);
        assert_eq!(rule.fault(), None);
        rule.otherwise = Verdict::Read;
        assert!(rule.fault().is_some());
        (rule.otherwise, rule.values) = (Verdict::Flag, Vec::new());
        assert!(rule.fault().is_some());
    }
}
