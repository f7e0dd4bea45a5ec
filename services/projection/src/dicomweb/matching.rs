//! Whether a header has what is searched for (PS3.4, C.2.2.2). Pure.

use serde_json::Value;

use super::DataSet;
use super::attributes::Comparison;

/// An attribute of a header, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFilter {
    /// Eight hexadecimal digits.
    tag: String,
    wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// The first and the last of the days, `YYYYMMDD`.
    Days(Option<String>, Option<String>),
    /// With `*` for any text and `?` for any character.
    Text(String),
    /// As text, in small letters.
    Name(String),
    Number(i64),
}

impl HeaderFilter {
    /// Reads what is wanted; `Err` says what it should be.
    pub(super) fn read(tag: &str, comparison: Comparison, text: &str) -> Result<Self, &'static str> {
        let wanted = match comparison {
            Comparison::Dates => days(text)
                .ok_or("a date is YYYYMMDD, or YYYYMMDD-YYYYMMDD with one of them left out or none")?,
            Comparison::Text => Wanted::Text(text.to_owned()),
            Comparison::Name => Wanted::Name(folded(text)),
            Comparison::Number => Wanted::Number(text.parse().map_err(|_| "a number is digits only")?),
        };
        Ok(Self { tag: tag.to_owned(), wanted })
    }

    /// Whether a header has it.
    pub fn matches(&self, header: &DataSet) -> bool {
        let values = header.get(&self.tag).and_then(|attribute| attribute["Value"].as_array());
        values.into_iter().flatten().any(|value| self.wanted.is(value))
    }
}

impl Wanted {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Days(first, last) => value.as_str().is_some_and(|day| {
                first.as_deref().is_none_or(|first| first <= day)
                    && last.as_deref().is_none_or(|last| day <= last)
            }),
            Self::Text(pattern) => value.as_str().is_some_and(|text| fits(pattern, text)),
            Self::Name(pattern) => {
                let mut writings = value.as_object().into_iter().flat_map(|writings| writings.values());
                writings.any(|name| name.as_str().is_some_and(|name| fits(pattern, &folded(name))))
            }
            Self::Number(number) => value.as_i64() == Some(*number),
        }
    }
}

/// In small letters, without empty parts at the end.
fn folded(name: &str) -> String {
    name.trim_end_matches('^').to_lowercase()
}

fn days(text: &str) -> Option<Wanted> {
    let day = |text: &str| {
        (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
    };
    let end = |text: &str| if text.is_empty() { Some(None) } else { day(text).map(Some) };
    match text.split_once('-') {
        None => day(text).map(|day| Wanted::Days(Some(day.clone()), Some(day))),
        Some(("", "")) => None,
        Some((first, last)) => Some(Wanted::Days(end(first)?, end(last)?)),
    }
}

/// Whether a text is what a pattern says. One walk, however many wildcards: where it fails it goes on behind the last `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                back = Some((at, read));
                at += 1;
            }
            Some(char) if *char == '?' || *char == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                at = star + 1;
                read = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards_stand_for_any_text_and_any_character() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*b*d", "abcbd", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!fits(&"*a".repeat(32), &"a".repeat(31)), "and takes no longer for many of them");
    }

    #[test]
    fn a_header_has_what_is_searched_for() {
        let header = json!({
            "00080020": {"vr": "DA", "Value": ["20260131"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane^^", "Ideographic": "山田"}]},
            "00100020": {"vr": "LO", "Value": ["4711a"]},
            "00200013": {"vr": "IS", "Value": [7]},
            "00080050": {"vr": "SH"},
        });
        let header = header.as_object().unwrap();
        let has = |tag, comparison, text| HeaderFilter::read(tag, comparison, text).unwrap().matches(header);
        for (text, expected) in [
            ("20260131", true),
            ("20260101-20260131", true),
            ("20260201-", false),
            ("-20260131", true),
            ("20260130", false),
        ] {
            assert_eq!(has("00080020", Comparison::Dates, text), expected, "{text}");
        }
        for (text, expected) in
            [("doe*", true), ("Doe^Jane", true), ("DOE^JANE^", true), ("山*", true), ("Jane*", false)]
        {
            assert_eq!(has("00100010", Comparison::Name, text), expected, "{text}");
        }
        assert!(has("00100020", Comparison::Text, "47*") && !has("00100020", Comparison::Text, "4711A"));
        assert!(has("00200013", Comparison::Number, "7") && !has("00200013", Comparison::Number, "8"));
        assert!(!has("00080050", Comparison::Text, "*x") && !has("00200010", Comparison::Text, "x"));
        for bad in ["2026", "-", "2026-01-31", "20260101-2026"] {
            assert!(HeaderFilter::read("00080020", Comparison::Dates, bad).is_err(), "{bad}");
        }
        assert!(HeaderFilter::read("00200013", Comparison::Number, "x").is_err());
    }
}
