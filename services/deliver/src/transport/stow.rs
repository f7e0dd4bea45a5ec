//! DICOMweb STOW-RS: DICOM objects by one HTTP POST (PS3.18, 10.5), and what the answer says of each.

use std::time::Duration;

use bytes::Bytes;
use hilum_events::Sha256Digest;
use reqwest::{Client, StatusCode, Url, header};
use serde_json::Value;

use super::SendError;
use super::fhir::under;
use crate::forms::Object;
use crate::http::{self, Answer};
use crate::secret::Secret;

/// Failed SOP Sequence (0008,1198).
const FAILED: &str = "00081198";
/// Failure Reason (0008,1197).
const REASON: &str = "00081197";
/// Failure reasons from here to the next hundred are a lack of resources (PS3.18, table 10.5.3-4).
const OUT_OF_RESOURCES: std::ops::RangeInclusive<u64> = 0xa700..=0xa7ff;

/// A DICOMweb service.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    base: Url,
    token: Option<Secret>,
}

impl Endpoint {
    pub(super) fn new(base: Url, token: Option<Secret>, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { client: http::client(limit)?, base, token })
    }

    /// Stores all objects by one request.
    pub(super) async fn store(&self, objects: &[Object]) -> Result<String, SendError> {
        let (boundary, body) = body(objects);
        let media_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let request = self.client.post(under(&self.base, "studies"));
        let request = http::with_token(request, self.token.as_ref())
            .header(header::CONTENT_TYPE, media_type)
            .header(header::ACCEPT, "application/dicom+json")
            .body(body);
        stored(&http::send(request).await?)
    }
}

/// The objects as parts, with a boundary that none of them has: it is made of their hash.
fn body(objects: &[Object]) -> (String, Bytes) {
    let all: Vec<u8> = objects.iter().flat_map(|object| object.bytes.iter().copied()).collect();
    let boundary = format!("hilum-{}", Sha256Digest::of(&all));
    let mut body = Vec::with_capacity(all.len() + 256 * (objects.len() + 1));
    for object in objects {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").as_bytes());
        body.extend_from_slice(&object.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, body.into())
}

/// What the answer says: 200 for all stored, 202 for some, 409 for none. What else it holds is not told: it may name the
/// patient.
fn stored(answer: &Answer) -> Result<String, SendError> {
    let status = answer.status;
    let told = matches!(status, StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT);
    if !told {
        return Err(http::refused(status, None));
    }
    let failures = failures(&answer.body);
    let code = status.as_u16();
    match &failures[..] {
        [] if status == StatusCode::CONFLICT => Err(http::refused(status, None)),
        [] => Ok(format!("STOW-RS {code}")),
        some => {
            let reasons: Vec<String> = some.iter().map(|reason| format!("{reason:#06x}")).collect();
            let what = format!("it answered HTTP {code} and did not store: reason {}", reasons.join(", "));
            let lacks = some.iter().all(|reason| OUT_OF_RESOURCES.contains(reason));
            Err(if lacks { SendError::failed(what) } else { SendError::refused(what) })
        }
    }
}

/// The failure reasons of all objects that were not stored, 0 for one that gives none. An answer without a body, or one
/// in XML, is taken at its status.
fn failures(body: &[u8]) -> Vec<u64> {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let datasets = match &answer {
        Value::Array(datasets) => datasets.as_slice(),
        dataset => std::slice::from_ref(dataset),
    };
    let failed = datasets.iter().filter_map(|dataset| dataset[FAILED]["Value"].as_array()).flatten();
    failed.map(|item| item[REASON]["Value"][0].as_u64().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<String, SendError> {
        let status = StatusCode::from_u16(status).unwrap();
        stored(&Answer { status, body: Bytes::copy_from_slice(body.as_bytes()) })
    }

    const FAILED_ONE: &str = r#"{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[272]}}]}}"#;

    #[test]
    fn an_object_that_was_not_stored_fails_the_delivery_whatever_the_status() {
        assert_eq!(answer(200, r#"{"00081199":{"vr":"SQ"}}"#).unwrap(), "STOW-RS 200");
        assert_eq!(answer(200, "").unwrap(), "STOW-RS 200");
        for status in [200, 202, 409] {
            let error = answer(status, FAILED_ONE).unwrap_err();
            assert!(matches!(&error, SendError::Refused { .. }), "{error}");
            assert!(error.to_string().ends_with("reason 0x0110"), "{error}");
        }
        let full = FAILED_ONE.replace("272", "42752");
        assert!(matches!(answer(409, &full), Err(SendError::Failed { .. })), "it lacks room for now");
        assert!(matches!(answer(409, ""), Err(SendError::Refused { .. })));
        assert!(matches!(answer(503, ""), Err(SendError::Failed { .. })));
        assert!(matches!(answer(415, ""), Err(SendError::Refused { .. })));
    }

    #[test]
    fn the_parts_stand_between_boundaries_and_are_the_same_each_time() {
        let object = |bytes: &'static [u8]| Object {
            form: "dicom-sr",
            file_name: "sr.dcm".to_owned(),
            bytes: Bytes::from_static(bytes),
        };
        let objects = [object(b"one"), object(b"two")];
        let (boundary, bytes) = body(&objects);
        let part = |text: &str| format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n{text}\r\n");
        assert_eq!(bytes, format!("{}{}--{boundary}--\r\n", part("one"), part("two")));
        assert!(boundary.len() <= 70, "RFC 2046, 5.1.1");
        assert_eq!(body(&objects), (boundary, bytes));
    }
}
