//! What a header says to a rule: what it means, something else, or nothing.

use crate::attribute::HeaderAttribute;
use crate::header::ImageHeader;
use crate::sources;
use crate::words::{Mention, RuleTerms};

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
    let meant = RuleTerms::of(sources::table(attribute), values);
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
