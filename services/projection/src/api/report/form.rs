//! Which form of a report a client wants.

use axum::http::{HeaderMap, StatusCode, header};
use hilum_reports::html;
use hilum_runtime::Problem;
use serde::Deserialize;

/// The forms that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Html,
}

impl Format {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => html::FORM.media_type,
        }
    }
}

/// What the client likes best, JSON if it has no preference.
pub(super) fn accepted(headers: &HeaderMap) -> Result<Format, Problem> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()) else {
        return Ok(Format::Json);
    };
    preferred(accept).ok_or_else(|| {
        let detail =
            "the report comes as application/json and as text/html; add ?format=json or ?format=html";
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "not acceptable", detail)
    })
}

/// Picks by the quality values of RFC 9110, the first of equals.
fn preferred(accept: &str) -> Option<Format> {
    let mut best: Option<(f32, Format)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts.next().unwrap_or_default() {
            "application/json" | "application/*" | "*/*" => Format::Json,
            "text/html" | "text/*" => Format::Html,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        let Some(quality) = quality.filter(|quality| *quality > 0.0) else { continue };
        if best.is_none_or(|(found, _)| quality > found) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_likes_best() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(preferred(browser), Some(Format::Html));
        assert_eq!(preferred("*/*"), Some(Format::Json));
        assert_eq!(preferred("text/html;q=0.2, application/json"), Some(Format::Json));
        assert_eq!(preferred("application/pdf"), None);
        assert_eq!(preferred("text/html;q=0"), None);
    }
}
