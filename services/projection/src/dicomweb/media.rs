//! How an answer is wanted, by the Accept header (RFC 9110, 12.5.1; PS3.18, 8.7). Pure.

use dicom_dictionary_std::uids;

/// How objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    /// Each in a part.
    Parts,
    /// The only one.
    One,
}

/// How a frame is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    /// Whether it is a part of several.
    pub in_parts: bool,
    /// The type of its bytes.
    pub media_type: &'static str,
    /// How they are written.
    pub transfer_syntax_uid: String,
}

/// How a picture is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Without loss.
    Png,
    /// As viewers expect it where they say nothing.
    Jpeg,
}

impl Picture {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// One of several answers that would do.
#[derive(Debug, PartialEq)]
struct Range {
    /// In small letters.
    essence: String,
    /// What each part is.
    of_parts: Option<String>,
    transfer_syntax: Option<String>,
    weight: f32,
}

/// Ranges that are looked at.
const RANGES_MAX: usize = 64;

impl Range {
    fn read(text: &str) -> Self {
        let mut pieces = split(text, ';').into_iter();
        let essence = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut range = Self { essence, of_parts: None, transfer_syntax: None, weight: 1.0 };
        for piece in pieces {
            let Some((name, value)) = piece.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "type" => range.of_parts = Some(value.to_ascii_lowercase()),
                "transfer-syntax" => range.transfer_syntax = Some(value.to_owned()),
                "q" => range.weight = value.parse().unwrap_or(0.0),
                _ => {}
            }
        }
        range
    }

    fn is_anything(&self) -> bool {
        matches!(self.essence.as_str(), "*/*" | "")
    }

    /// Whether it lets through what is written in this way.
    fn takes(&self, transfer_syntax_uid: &str) -> bool {
        self.transfer_syntax.as_deref().is_none_or(|wanted| wanted == "*" || wanted == transfer_syntax_uid)
    }
}

/// What would do, the best first. Everything does for whoever says nothing.
fn ranges(accept: Option<&str>) -> Vec<Range> {
    let text = accept.unwrap_or_default();
    let mut ranges: Vec<_> = split(text, ',').into_iter().take(RANGES_MAX).map(Range::read).collect();
    ranges.retain(|range| range.weight > 0.0);
    ranges.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    ranges
}

/// Parted where nothing is quoted.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|char| {
        is_quoted ^= char == '"';
        char == separator && !is_quoted
    })
    .collect()
}

/// Whether data sets may come in the DICOM JSON model.
pub fn takes_json(accept: Option<&str>) -> bool {
    const JSON: [&str; 3] = ["application/dicom+json", "application/json", "application/*"];
    ranges(accept).iter().any(|range| range.is_anything() || JSON.contains(&range.essence.as_str()))
}

/// How objects that are stored in these transfer syntaxes may come; `None` if not as they are.
pub fn objects(accept: Option<&str>, stored: &[&str]) -> Option<Objects> {
    let fits = |range: &Range| {
        let form = match (range.essence.as_str(), range.of_parts.as_deref()) {
            ("*/*" | "" | "multipart/*", _) => Objects::Parts,
            ("multipart/related", None | Some("application/dicom" | "*/*" | "application/*")) => {
                Objects::Parts
            }
            ("application/dicom" | "application/*", _) if stored.len() == 1 => Objects::One,
            _ => return None,
        };
        stored.iter().all(|uid| range.takes(uid)).then_some(form)
    };
    ranges(accept).iter().find_map(fits)
}

/// How a frame that is stored in this transfer syntax may come; `None` if not as it is.
pub fn frames(accept: Option<&str>, stored: &str) -> Option<Frames> {
    const BYTES: &str = "application/octet-stream";
    // What is not compressed is written in one way, however its object was.
    let compressed = compressed_type(stored);
    let written = if compressed.is_some() { stored } else { uids::EXPLICIT_VR_LITTLE_ENDIAN };
    let fits = |range: &Range| {
        let (in_parts, essence) = match range.essence.as_str() {
            "multipart/related" | "multipart/*" => (true, range.of_parts.as_deref().unwrap_or("*/*")),
            "" => (true, "*/*"),
            "*/*" => (true, "*/*"),
            essence => (false, essence),
        };
        let media_type = match (essence, compressed) {
            // Without a transfer syntax uncompressed bytes are meant.
            (BYTES | "application/*", Some(_)) if range.transfer_syntax.is_some() => BYTES,
            (BYTES | "application/*" | "*/*", None) => BYTES,
            ("*/*" | "image/*", Some(image)) => image,
            (essence, Some(image)) if essence == image => image,
            _ => return None,
        };
        let transfer_syntax_uid = written.to_owned();
        range.takes(written).then_some(Frames { in_parts, media_type, transfer_syntax_uid })
    };
    ranges(accept).iter().find_map(fits)
}

/// The type of a codestream (PS3.18, 8.7.3.3.2); `None` for what is not compressed.
fn compressed_type(transfer_syntax_uid: &str) -> Option<&'static str> {
    match transfer_syntax_uid {
        uids::JPEG_BASELINE8_BIT
        | uids::JPEG_EXTENDED12_BIT
        | uids::JPEG_LOSSLESS
        | uids::JPEG_LOSSLESS_SV1 => Some("image/jpeg"),
        uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Some("image/jls"),
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Some("image/jp2"),
        uids::RLE_LOSSLESS => Some("image/dicom-rle"),
        _ => None,
    }
}

/// How a picture may come.
pub fn picture(accept: Option<&str>) -> Option<Picture> {
    let fits = |range: &Range| match range.essence.as_str() {
        "*/*" | "" | "image/*" | "image/jpeg" => Some(Picture::Jpeg),
        "image/png" => Some(Picture::Png),
        _ => None,
    };
    ranges(accept).iter().find_map(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    const JPEG: &str = uids::JPEG_BASELINE8_BIT;

    #[test]
    fn data_sets_come_as_json_and_not_as_xml() {
        for accept in [None, Some(""), Some("*/*"), Some("application/dicom+json, application/json")] {
            assert!(takes_json(accept), "{accept:?}");
        }
        for accept in
            ["multipart/related; type=\"application/dicom+xml\"", "application/dicom+json;q=0", "text/html"]
        {
            assert!(!takes_json(Some(accept)), "{accept}");
        }
    }

    #[test]
    fn objects_come_as_they_are_stored_or_not_at_all() {
        let one = |accept| objects(accept, &[JPEG]);
        assert_eq!(one(None), Some(Objects::Parts));
        assert_eq!(one(Some("application/dicom")), Some(Objects::One));
        assert_eq!(
            one(Some("multipart/related; type=\"application/dicom\"; transfer-syntax=*")),
            Some(Objects::Parts)
        );
        let as_is = format!("application/dicom; transfer-syntax={JPEG}");
        assert_eq!(one(Some(&as_is)), Some(Objects::One));
        let other = format!("multipart/related; type=\"application/dicom\"; transfer-syntax={EXPLICIT}");
        assert_eq!(one(Some(&other)), None);
        assert_eq!(one(Some(&format!("{other}, */*;q=0.1"))), Some(Objects::Parts));
        assert_eq!(objects(Some("application/dicom"), &[JPEG, JPEG]), None);
        assert_eq!(objects(Some("multipart/related; type=\"application/octet-stream\""), &[JPEG]), None);
    }

    #[test]
    fn a_frame_is_a_codestream_or_samples_in_little_endian() {
        let form = |accept: &str, stored| {
            frames(Some(accept), stored).map(|it| (it.in_parts, it.media_type, it.transfer_syntax_uid))
        };
        let bytes = "application/octet-stream";
        let any = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
        assert_eq!(form(any, JPEG), Some((true, bytes, JPEG.to_owned())));
        assert_eq!(form(any, EXPLICIT), Some((true, bytes, EXPLICIT.to_owned())));
        assert_eq!(form("*/*", JPEG), Some((true, "image/jpeg", JPEG.to_owned())));
        assert_eq!(form("image/jpeg", JPEG), Some((false, "image/jpeg", JPEG.to_owned())));
        let plain = "multipart/related; type=\"application/octet-stream\"";
        assert_eq!(form(plain, "1.2.840.10008.1.2.2"), Some((true, bytes, EXPLICIT.to_owned())));
        assert_eq!(form(plain, JPEG), None, "it would have to be decoded");
        assert_eq!(form("multipart/related; type=\"image/jp2\"", JPEG), None);
        assert_eq!(form("image/jpeg", EXPLICIT), None);
    }

    #[test]
    fn a_picture_is_a_jpeg_unless_a_png_is_liked_better() {
        assert_eq!(picture(None), Some(Picture::Jpeg));
        assert_eq!(picture(Some("image/png")), Some(Picture::Png));
        assert_eq!(picture(Some("image/jpeg;q=0.5, image/png")), Some(Picture::Png));
        assert_eq!(picture(Some("image/gif")), None);
    }
}
