//! The document as bytes, and back.

use serde::Deserialize;

use super::{FORMAT, Report};

/// Why the bytes are no report that this release can read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of a report.
    #[error("the bytes are not a report document")]
    NotADocument(#[source] serde_json::Error),
    /// Written by a newer release.
    #[error("the document is of format {format}, which this release does not know; upgrade it")]
    UnknownFormat {
        /// The format that it names.
        format: String,
    },
    /// It names our format and does not have it.
    #[error("the document lacks a field or has one that does not fit")]
    BadField(#[source] serde_json::Error),
}

/// The fields that every format has.
#[derive(Deserialize)]
struct Head {
    format: String,
}

impl Report {
    /// The bytes that are stored: indented JSON, fields in the order of these types.
    ///
    /// # Errors
    /// Only when a type here has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads what [`Self::to_json`] of this or an earlier release wrote.
    ///
    /// # Errors
    /// When the format is not known, or something is wrong with the bytes.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        // First what it is, then the rest: of another format nothing can be said about fields.
        let Head { format } = serde_json::from_slice(bytes).map_err(ReadError::NotADocument)?;
        if format != FORMAT {
            return Err(ReadError::UnknownFormat { format });
        }
        serde_json::from_slice(bytes).map_err(ReadError::BadField)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::samples::{incomplete, one_of_each, revised};

    #[test]
    fn the_document_is_read_back_as_it_was_written() {
        for report in [one_of_each(), revised()] {
            let json = report.to_json().unwrap();
            let read = Report::from_json(&json).unwrap();
            assert_eq!(read, report);
            assert_eq!(read.to_json().unwrap(), json);
            assert!(json.starts_with(b"{\n  \"format\": \"hilum-report/1\",\n  \"disclaimer\""));
        }
    }

    /// The sample with `change`, as bytes.
    fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut value = serde_json::to_value(one_of_each()).unwrap();
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    }

    #[test]
    fn a_format_of_a_newer_release_is_named_whatever_fields_it_has() {
        let newer = br#"{"format": "hilum-report/2", "pages": 3}"#;
        let error = Report::from_json(newer).unwrap_err();
        assert!(
            matches!(&error, ReadError::UnknownFormat { format } if format == "hilum-report/2"),
            "{error}"
        );
    }

    #[test]
    fn a_document_that_lacks_a_field_says_which() {
        let bytes = changed(|value| {
            value["images"][0].as_object_mut().unwrap().remove("job_id");
        });
        let Err(ReadError::BadField(source)) = Report::from_json(&bytes) else { panic!("it was read") };
        assert!(source.to_string().contains("job_id"), "{source}");
    }

    #[test]
    fn bytes_that_are_no_document_are_an_error() {
        for bytes in [&b""[..], b"<p>page</p>", b"[]", b"{}", b"{\"format\": 1}"] {
            assert!(matches!(Report::from_json(bytes), Err(ReadError::NotADocument(_))), "{bytes:?}");
        }
    }

    #[test]
    fn what_can_be_left_out_is_written_when_it_is_there_and_read_back() {
        let mut report = incomplete();
        let json: Value = serde_json::from_slice(&report.to_json().unwrap()).unwrap();
        assert_eq!(
            json["completeness"]["missing"][0],
            json!({"kind": "images", "expected": 6, "arrived": 5})
        );
        assert_eq!(json["completeness"]["missing"][1], json!({"kind": "series", "name": "lateral"}));
        assert_eq!(json["completeness"]["missing"][2]["kind"], "outcome");
        assert_eq!(json["images"][4]["status"], "pending");
        assert_eq!(json["flags"][0]["rule"], "effusion-first");
        assert_eq!(json["comparison"]["findings"][1]["label"], "Mass");
        assert!(json["comparison"]["findings"][1].get("score").is_none());
        assert_eq!(Report::from_json(&report.to_json().unwrap()).unwrap(), report);

        (report.completeness, report.comparison) = (None, None);
        report.flags.clear();
        let json = String::from_utf8(report.to_json().unwrap()).unwrap();
        for name in ["completeness", "flags", "comparison"] {
            assert!(!json.contains(&format!("\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn what_a_later_release_adds_is_passed_over() {
        let bytes = changed(|value| value["added_later"] = Value::Bool(true));
        assert_eq!(Report::from_json(&bytes).unwrap(), one_of_each());
    }
}
