//! Media types, as requests name what they send and what they want to be answered (RFC 9110, 8.3 and 12.5.1). Pure.

/// The longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// What a request has in its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Parts with an object each.
    Parts {
        /// What parts them.
        boundary: String,
    },
    /// One object.
    One,
}

/// A body that is not taken, in words.
pub(crate) type NotTaken = &'static str;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// DICOM JSON model.
    Json,
    /// Native DICOM model, as XML.
    Xml,
}

/// A media type with its parameters.
struct MediaType {
    /// In small letters.
    essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    fn read(text: &str) -> Self {
        let mut pieces = split(text, ';').into_iter();
        let essence = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = pieces.filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        });
        Self { essence, parameters: parameters.collect() }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The text in pieces, parted where it is not quoted.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match char {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        char == separator && !is_quoted
    })
    .collect()
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut is_escaped = false;
    let kept = |char: &char| {
        is_escaped = *char == '\\' && !is_escaped;
        !is_escaped
    };
    inner.chars().filter(kept).collect()
}

/// What a body is, by its Content-Type.
pub(crate) fn content(content_type: Option<&str>) -> Result<Content, NotTaken> {
    const WANTED: NotTaken = "send multipart/related; type=\"application/dicom\"; boundary=…, with an object in each part, or one \
                              object as application/dicom";
    let media = MediaType::read(content_type.ok_or(WANTED)?);
    match media.essence.as_str() {
        "application/dicom" => Ok(Content::One),
        "multipart/related" => match media.parameter("type").map(str::to_ascii_lowercase).as_deref() {
            None | Some("application/dicom") => {
                let boundary = media.parameter("boundary").unwrap_or_default();
                let is_fit = (1..=BOUNDARY_MAX).contains(&boundary.len())
                    && boundary.bytes().all(|byte| (0x20..0x7f).contains(&byte));
                let named = is_fit.then(|| Content::Parts { boundary: boundary.to_owned() });
                named.ok_or("the boundary must be 1 to 70 printable characters; name it in the Content-Type")
            }
            Some("application/dicom+json" | "application/dicom+xml") => {
                Err("metadata with bulk data beside it is not taken; send whole objects as application/dicom")
            }
            Some(_) => Err(WANTED),
        },
        _ => Err(WANTED),
    }
}

/// Whether a part may be an object, by its own Content-Type.
pub(crate) fn is_object(content_type: Option<&str>) -> bool {
    content_type.is_none_or(|text| MediaType::read(text).essence == "application/dicom")
}

/// How the answer is wanted, by the Accept header; `None` if no form of it is.
pub(crate) fn answer(accept: Option<&str>) -> Option<Answer> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Some(Answer::Json) };
    let wanted = split(accept, ',').into_iter().filter_map(|range| {
        let media = MediaType::read(range);
        let weight = media.parameter("q").map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0));
        let answer = match media.essence.as_str() {
            "application/dicom+json" | "application/json" | "application/*" | "*/*" => Answer::Json,
            "application/dicom+xml" | "text/xml" | "application/xml" => Answer::Xml,
            _ => return None,
        };
        (weight > 0.0).then_some((weight, answer))
    });
    let best = wanted.fold(None, |best: Option<(f32, Answer)>, other| match best {
        Some(best) if best.0 >= other.0 => Some(best),
        _ => Some(other),
    });
    best.map(|(_, answer)| answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_parts_or_one_object() {
        let parts = |boundary: &str| Ok(Content::Parts { boundary: boundary.to_owned() });
        for (text, expected) in [
            ("multipart/related; type=\"application/dicom\"; boundary=abc", parts("abc")),
            ("Multipart/Related;boundary=\"a b;c\\\"d\";TYPE=application/DICOM", parts("a b;c\"d")),
            ("multipart/related; boundary=x", parts("x")),
            ("application/dicom", Ok(Content::One)),
            ("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", Ok(Content::One)),
        ] {
            assert_eq!(content(Some(text)), expected, "{text}");
        }
        let long = format!("multipart/related; boundary={}", "x".repeat(71));
        for text in [
            "multipart/related; type=\"application/dicom\"",
            "multipart/related; type=\"application/dicom+json\"; boundary=x",
            "multipart/related; type=\"image/png\"; boundary=x",
            "multipart/form-data; boundary=x",
            "text/plain",
            &long,
        ] {
            assert!(content(Some(text)).is_err(), "{text}");
        }
        assert!(content(None).is_err());
        assert!(is_object(None) && is_object(Some("application/dicom; transfer-syntax=*")));
        assert!(!is_object(Some("application/dicom+json")));
    }

    #[test]
    fn the_answer_comes_as_it_is_wanted_most() {
        use Answer::{Json, Xml};
        for (accept, expected) in [
            (None, Some(Json)),
            (Some(""), Some(Json)),
            (Some("*/*"), Some(Json)),
            (Some("application/dicom+json"), Some(Json)),
            (Some("application/dicom+xml"), Some(Xml)),
            (Some("application/dicom+json; q=0.5, application/dicom+xml"), Some(Xml)),
            (Some("text/html, application/dicom+xml;q=0.1"), Some(Xml)),
            (Some("application/dicom+json;q=0"), None),
            (Some("text/html"), None),
        ] {
            assert_eq!(answer(accept), expected, "{accept:?}");
        }
    }
}
