//! Where a header says something of an attribute. Several elements may; they are judged together.

use crate::attribute::HeaderAttribute;
use crate::header::ImageHeader;
use crate::orientation;
use crate::value::{Concept, HeaderValue};
use crate::vocabulary::{BODY_PARTS, INTENTS, MODALITIES, SOP_CLASSES, SPECIES, Term, VIEWS};
use crate::words::{Mention, RuleTerms};

/// The terms of an attribute.
pub(crate) fn table(attribute: HeaderAttribute) -> &'static [Term] {
    match attribute {
        HeaderAttribute::Modality => MODALITIES,
        HeaderAttribute::BodyPart => BODY_PARTS,
        HeaderAttribute::View => VIEWS,
        HeaderAttribute::Intent => INTENTS,
        HeaderAttribute::Species => SPECIES,
    }
}

/// What each element of the header says to the rule. Empty ones say nothing.
pub(crate) fn mentions(attribute: HeaderAttribute, header: &ImageHeader, meant: &RuleTerms) -> Vec<Mention> {
    let said = match attribute {
        HeaderAttribute::Modality => {
            let class = sop_class(header).map(|(modality, _)| meant.mention(modality));
            vec![in_own(&header.modality, meant), class]
        }
        HeaderAttribute::BodyPart => {
            vec![in_own(&header.body_part, meant), in_concepts(&header.anatomic_regions, meant)]
        }
        HeaderAttribute::View => vec![
            in_own(&header.view_position, meant),
            in_concepts(&header.view_codes, meant),
            in_orientation(&header.patient_orientation, meant),
            // Some write the view to the body part: `Chest PA`. What is no view there says nothing of it.
            in_value(&header.body_part, meant).filter(|mention| *mention != Mention::Unrecognised),
        ],
        HeaderAttribute::Intent => {
            let class = sop_class(header).and_then(|(_, intent)| intent).map(|intent| meant.mention(intent));
            vec![in_own(&header.presentation_intent, meant), class]
        }
        HeaderAttribute::Species => vec![
            in_own(&header.species, meant),
            in_concepts(&header.species_codes, meant),
            in_value(&header.breed, meant),
        ],
    };
    said.into_iter().flatten().collect()
}

/// What the attribute's own element says. A value there that nobody knows is not what the rule means, whatever stands
/// elsewhere.
fn in_own(value: &HeaderValue, meant: &RuleTerms) -> Option<Mention> {
    match in_value(value, meant)? {
        Mention::Unrecognised => Some(Mention::Foreign),
        known => Some(known),
    }
}

/// What a value says. All of its parts must fit.
fn in_value(value: &HeaderValue, meant: &RuleTerms) -> Option<Mention> {
    match value {
        HeaderValue::Absent => None,
        HeaderValue::Unreadable => Some(Mention::Unrecognised),
        HeaderValue::Text(text) => {
            let parts = text.split('\\').filter(|part| !part.trim().is_empty());
            together(parts.map(|part| meant.mention_in(part)))
        }
    }
}

fn in_concepts(concepts: &[Concept], meant: &RuleTerms) -> Option<Mention> {
    together(concepts.iter().map(|concept| in_concept(concept, meant)))
}

/// What a concept says. A code that is known counts, and so does a meaning that contradicts it.
fn in_concept(concept: &Concept, meant: &RuleTerms) -> Mention {
    let code = match &concept.code {
        HeaderValue::Text(code) => meant.mention_of_code(code),
        HeaderValue::Absent | HeaderValue::Unreadable => None,
    };
    match (code, in_value(&concept.meaning, meant)) {
        (Some(code), None | Some(Mention::Unrecognised)) => code,
        (None, meaning) => meaning.unwrap_or(Mention::Unrecognised),
        (Some(code), Some(meaning)) => {
            if code == meaning {
                code
            } else {
                Mention::Foreign
            }
        }
    }
}

/// What the orientation says. Devices fill it in by themselves, so it counts only where it contradicts all that is meant or is
/// all of it.
fn in_orientation(value: &HeaderValue, meant: &RuleTerms) -> Option<Mention> {
    let HeaderValue::Text(text) = value else { return None };
    let view = orientation::view_of(text)?;
    match meant.mention(view) {
        Mention::Foreign if meant.may_have(view) => None,
        mention => Some(mention),
    }
}

fn sop_class(header: &ImageHeader) -> Option<(&'static str, Option<&'static str>)> {
    let HeaderValue::Text(uid) = &header.sop_class_uid else { return None };
    SOP_CLASSES.iter().find(|(class, ..)| class == uid).map(|(_, modality, intent)| (*modality, *intent))
}

/// What several values of one element say: if they differ, one of them is not what is meant.
fn together(mut mentions: impl Iterator<Item = Mention>) -> Option<Mention> {
    let first = mentions.next()?;
    Some(if mentions.all(|mention| mention == first) { first } else { Mention::Foreign })
}
