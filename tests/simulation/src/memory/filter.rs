//! Which subjects a filter covers: `*` stands for one token, `>` at the end for one or more.

/// Whether `filter` covers `subject`.
pub(crate) fn covers(filter: &str, subject: &str) -> bool {
    // Most filters are subjects, or differ from the subject before their first wildcard.
    let Some(wild) = filter.bytes().position(|byte| matches!(byte, b'*' | b'>')) else {
        return filter == subject;
    };
    if !subject.as_bytes().starts_with(&filter.as_bytes()[..wild]) {
        return false;
    }
    let (filter, subject) = (&filter[wild..], &subject[wild..]);
    let (mut wanted, mut found) = (filter.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), found.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(token)) if want == token => {}
            _ => return false,
        }
    }
}

/// Whether any of `filters` does, or there is none.
pub(crate) fn any_covers(filters: &[String], subject: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| covers(filter, subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_token_and_an_arrow_at_least_one() {
        for (filter, subject, is_covered) in [
            ("evt.a.b", "evt.a.b", true),
            ("evt.a.b", "evt.a.bc", false),
            ("evt.*.b", "evt.a.b", true),
            ("evt.*", "evt.a.b", false),
            ("evt.a.*", "evt.a", false),
            ("evt.>", "evt.a.b", true),
            ("evt.>", "evt", false),
            (">", "evt", true),
        ] {
            assert_eq!(covers(filter, subject), is_covered, "{filter} {subject}");
        }
    }
}
