//! Which form of a report a client wants that does not name one.

use axum::http::{HeaderMap, header};
use hilum_api::{Problem, ProblemType};
use hilum_forms::Format;

/// What the client likes best, JSON if it has no preference.
pub(super) fn accepted(headers: &HeaderMap) -> Result<Format, Problem> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()) else {
        return Ok(Format::Json);
    };
    preferred(accept).ok_or_else(|| {
        let forms = Format::ALL.map(|format| format!("{} (?format={format})", essence(format)));
        let detail = format!("the report comes as {}", forms.join(", "));
        Problem::new(ProblemType::NotAcceptable, detail)
    })
}

/// Picks by the quality values of RFC 9110, the first of equals.
fn preferred(accept: &str) -> Option<Format> {
    let mut best: Option<(f32, Format)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some(format) = of_range(parts.next().unwrap_or_default()) else { continue };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        let Some(quality) = quality.filter(|quality| *quality > 0.0) else { continue };
        if best.is_none_or(|(found, _)| quality > found) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

/// The form that is meant by a media range, the usual one of several.
fn of_range(range: &str) -> Option<Format> {
    let range = range.to_ascii_lowercase();
    Format::ALL.into_iter().find(|format| {
        let essence = essence(*format);
        let whole_type = range.strip_suffix("/*");
        range == "*/*"
            || range == essence
            || whole_type.is_some_and(|whole| essence.split_once('/').is_some_and(|(one, _)| one == whole))
    })
}

/// The media type without parameters.
pub(super) fn essence(format: Format) -> &'static str {
    format.media_type().split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_likes_best() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(preferred(browser), Some(Format::Html));
        assert_eq!(preferred("*/*"), Some(Format::Json));
        assert_eq!(preferred("application/*"), Some(Format::Json));
        assert_eq!(preferred("text/*"), Some(Format::Html));
        assert_eq!(preferred("text/html;q=0.2, application/json"), Some(Format::Json));
        assert_eq!(preferred("application/fhir+json; fhirVersion=4.0"), Some(Format::Fhir));
        assert_eq!(preferred("Application/HL7-v2"), Some(Format::Hl7));
        assert_eq!(preferred("image/png"), None);
        assert_eq!(preferred("image/*"), None);
        assert_eq!(preferred("text/html;q=0"), None);
    }

    #[test]
    fn every_form_can_be_asked_for_by_its_media_type() {
        for format in Format::ALL {
            assert_eq!(preferred(format.media_type()).map(essence), Some(essence(format)));
        }
    }
}
