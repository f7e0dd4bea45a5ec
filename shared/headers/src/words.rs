//! A value as words, and the words as terms. Case, blanks and punctuation mean nothing: `T-SPINE`, `t spine` and `TSpine`
//! are the same.

use crate::vocabulary::Term;

/// The most words of a spelling, as in `LEFT LATERAL DECUBITUS` or `P. A.`.
const WORDS_MAX: usize = 4;

/// What a rule means: terms and, as they are written, values that stand in no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleTerms {
    table: &'static [Term],
    names: Vec<String>,
}

/// What one value says to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mention {
    /// Only what the rule means.
    Meant,
    /// Something else that is known, also beside what the rule means.
    Foreign,
    /// Nothing that is known.
    Unrecognised,
}

impl RuleTerms {
    /// What the values of a rule mean, in words of this table.
    pub(crate) fn of<S: AsRef<str>>(table: &'static [Term], values: &[S]) -> Self {
        let name = |value: &S| {
            let joined = words(value.as_ref()).concat();
            find(table, &joined).map_or(joined.clone(), |term| term.name.to_owned())
        };
        Self { table, names: values.iter().map(name).collect() }
    }

    /// Whether the rule means this term: itself, or one that it is a kind of, or all that it may be.
    fn has(&self, name: &str) -> bool {
        let named = |name: &str| self.names.iter().any(|meant| meant == name);
        let is_kind_of_meant = |term: &Term| term.kinds.contains(&name) && named(term.name);
        let kinds = self.table.iter().find(|term| term.name == name).map_or(&[][..], |term| term.kinds);
        named(name)
            || self.table.iter().any(is_kind_of_meant)
            || (!kinds.is_empty() && kinds.iter().all(|kind| named(kind)))
    }

    /// Whether the rule means something that the term may be.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        let kinds = self.table.iter().find(|term| term.name == name).map_or(&[][..], |term| term.kinds);
        self.has(name) || kinds.iter().any(|kind| self.has(kind))
    }

    /// What this term says to the rule.
    pub(crate) fn mention(&self, name: &str) -> Mention {
        if self.has(name) { Mention::Meant } else { Mention::Foreign }
    }

    /// What the code of a concept says, if it is known.
    pub(crate) fn mention_of_code(&self, code: &str) -> Option<Mention> {
        let term = self.table.iter().find(|term| term.codes.contains(&code))?;
        Some(self.mention(term.name))
    }

    /// What a text says: one value, whatever its words.
    pub(crate) fn mention_in(&self, text: &str) -> Mention {
        let words = words(text);
        let (mut at, mut mention) = (0, Mention::Unrecognised);
        while at < words.len() {
            match self.longest_at(&words[at..]) {
                Some((_, Mention::Foreign)) => return Mention::Foreign,
                Some((len, found)) => (at, mention) = (at + len, found),
                None => at += 1,
            }
        }
        mention
    }

    /// The longest term that these words begin with, and how many of them it takes.
    fn longest_at(&self, words: &[String]) -> Option<(usize, Mention)> {
        (1..=words.len().min(WORDS_MAX)).rev().find_map(|len| {
            let joined = words[..len].concat();
            let own = self.names.iter().find(|name| **name == joined).map(|_| Mention::Meant);
            let found = || find(self.table, &joined).map(|term| self.mention(term.name));
            own.or_else(found).map(|mention| (len, mention))
        })
    }
}

/// The term with this spelling, also in the plural.
fn find(table: &'static [Term], joined: &str) -> Option<&'static Term> {
    let written = |spelling: &str| {
        table.iter().find(|term| term.name == spelling || term.spellings.contains(&spelling))
    };
    let singular = || joined.strip_suffix('S').filter(|stem| stem.len() > 2);
    written(joined).or_else(|| singular().and_then(written))
}

/// The words of a text in capital letters, without what separates them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{BODY_PARTS, VIEWS};

    #[test]
    fn case_blanks_and_punctuation_mean_nothing() {
        let meant = RuleTerms::of(BODY_PARTS, &["WHOLE BODY", "T-SPINE", "SELLA"]);
        for text in
            ["WHOLEBODY", "whole_body", "Whole Body", "TSPINE", "thoracic spine", "Sella.", "BABYGRAM"]
        {
            assert_eq!(meant.mention_in(text), Mention::Meant, "{text}");
        }
        assert_eq!(meant.mention_in("SELLA TURCICA"), Mention::Meant, "beside what is not known");
        assert_eq!(meant.mention_in("SELLA AND HAND"), Mention::Foreign);
        assert_eq!(meant.mention_in("SELLATURCICA"), Mention::Unrecognised);
        assert_eq!(meant.mention_in("--"), Mention::Unrecognised);
    }

    #[test]
    fn a_term_that_may_be_several_is_meant_where_all_of_them_are() {
        let frontal = RuleTerms::of(VIEWS, &["PA", "AP"]);
        assert_eq!(frontal.mention_in("Frontal"), Mention::Meant);
        assert_eq!(RuleTerms::of(VIEWS, &["PA"]).mention_in("frontal"), Mention::Foreign);
        assert!(RuleTerms::of(VIEWS, &["PA"]).may_have("FRONTAL"));
        assert_eq!(RuleTerms::of(VIEWS, &["LATERAL"]).mention_in("LL"), Mention::Meant);
        assert_eq!(RuleTerms::of(VIEWS, &["LL", "RL"]).mention_in("Lat."), Mention::Meant);
    }
}
