//! DICOMweb STOW-RS: each DICOM object by an HTTP POST of its own (PS3.18, 10.5), and what the answer says of it.

mod answer;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hilum_dicom::Transfer;
use hilum_events::Sha256Digest;
use hilum_forms::Format;
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;

use super::address::{Endpoint, secret};
use super::error::{SendError, SenderError};
use super::http::{self, Answer, Caller};
use super::sender::{ObjectSender, Sender};
use super::settings::Settings;
use super::store_status::{self as status, StoreOutcome};
use crate::shipment::{Object, Shipment};

/// JSON is asked for; an archive that knows XML alone may answer in it.
const ACCEPTED: &str = "application/dicom+json, application/dicom+xml;q=0.5";

/// A DICOMweb service.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct StowSettings {
    /// Its base address, without `/studies`.
    pub endpoint: Endpoint,
    /// Whether it takes nothing of a patient without an id.
    pub requires_patient_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    url: Option<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    token_over_http: Option<bool>,
    require_patient_id: Option<bool>,
}

impl TryFrom<Keys> for StowSettings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let token = secret(keys.token_env, keys.token_file)?;
        Ok(Self {
            endpoint: Endpoint::read(keys.url, token, keys.token_over_http)?,
            requires_patient_id: keys.require_patient_id.unwrap_or(false),
        })
    }
}

impl Settings for StowSettings {
    fn forms(&self) -> &'static [Format] {
        &[Format::DicomSr, Format::DicomSc, Format::DicomPdf]
    }

    fn requires_patient_id(&self) -> bool {
        self.requires_patient_id
    }

    fn sender(&self, limit: Duration) -> Result<Box<dyn Sender>, SenderError> {
        let caller = Caller::new(self.endpoint.token.clone(), limit)?;
        Ok(Box::new(StowSender { caller, studies: self.endpoint.under("studies") }))
    }
}

#[derive(Debug)]
struct StowSender {
    caller: Caller,
    studies: Url,
}

impl ObjectSender for StowSender {
    async fn send_object(&self, _: &Shipment, object: &Object) -> Result<String, SendError> {
        let instance = Transfer::of(&object.bytes)?.sop_instance;
        let (boundary, body) = body(&object.bytes);
        let media_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let request = |client: &reqwest::Client| {
            client
                .post(self.studies.clone())
                .header(header::CONTENT_TYPE, &media_type)
                .header(header::ACCEPT, ACCEPTED)
                .body(body.clone())
        };
        stored(&self.caller.send(request).await?, &instance)
    }
}

/// The boundary and the body, with the object as the only part. The boundary is made of the object's hash, so that the object
/// does not contain it.
fn body(object: &[u8]) -> (String, Bytes) {
    let boundary = format!("hilum-{}", Sha256Digest::of(object));
    let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
    let tail = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), object, tail.as_bytes()].concat();
    (boundary, body.into())
}

/// What the answer says of the instance that was sent. Whatever its status, only an instance that it names as stored is
/// stored: a status alone may come from a proxy in between.
fn stored(answer: &Answer, instance: &str) -> Result<String, SendError> {
    let may_name = answer.status.is_success() || answer.status == StatusCode::CONFLICT;
    if !may_name || answer.is_page() {
        return Err(http::not_taken(answer, None));
    }
    let code = answer.status.as_u16();
    let Some(told) = answer::read(&answer.body) else {
        let what = format!("it answered HTTP {code} and nothing that says whether the object is stored");
        return Err(match answer.status {
            StatusCode::CONFLICT => SendError::refused(what),
            _ => SendError::failed(what),
        });
    };
    let is_ours =
        |named: &answer::NamedInstance| named.instance.as_deref().is_none_or(|named| named == instance);
    let outcome = |named: &answer::NamedInstance| status::of_reason(named.reason.unwrap_or_default());
    let is_there =
        |named: &&answer::NamedInstance| is_ours(named) && outcome(named) == StoreOutcome::ThereBefore;
    if let Some(failure) = told.failed.iter().find(|named| !is_there(named)) {
        let reason = failure.reason.unwrap_or_default();
        let what =
            format!("it answered HTTP {code} and failure reason {reason:#06x}: {}", status::sentence(reason));
        return Err(match outcome(failure) {
            StoreOutcome::Refused => SendError::refused(what),
            _ => SendError::failed(what),
        });
    }
    let stored = told.stored.iter().find(|named| named.instance.as_deref() == Some(instance));
    match (stored, told.failed.first().and_then(|named| named.reason)) {
        (Some(answer::NamedInstance { reason: Some(warning), .. }), _) => {
            Ok(format!("STOW-RS {code}, warning {warning:#06x}"))
        }
        (Some(_), _) => Ok(format!("STOW-RS {code}")),
        (None, Some(reason)) => Ok(format!("STOW-RS {code}, {reason:#06x}: it was there before")),
        (None, None) => {
            Err(SendError::failed(format!("it answered HTTP {code} and does not name the object as stored")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::tests::answered;

    fn outcome(status: u16, body: &str) -> Result<String, SendError> {
        stored(&answered(status, "", body), "1.3")
    }

    const FAILED: &str = r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]},"00081197":{"vr":"US","Value":[272]}}]}}"#;
    const STORED: &str = r#"{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]}}]}}"#;

    #[test]
    fn an_object_that_was_not_stored_fails_the_delivery_whatever_the_status() {
        for status in [200, 202, 409] {
            let error = outcome(status, FAILED).unwrap_err();
            assert!(matches!(&error, SendError::Failed { .. }), "{error}");
            assert!(error.to_string().contains("reason 0x0110"), "{error}");
            let error = outcome(status, &FAILED.replace("272", "290")).unwrap_err();
            assert!(matches!(&error, SendError::Refused { .. }), "it takes none of the kind: {error}");
        }
        // Also one that it does not name, and what failed besides objects.
        let nameless = r#"{"00081198":{"Value":[{"00081197":{"Value":[272]}}]}}"#;
        let other = r#"{"0008119A":{"Value":[{"00081197":{"Value":[272]}}]}}"#;
        for failure in [nameless, other, &nameless.replace("{\"00081197\":{\"Value\":[272]}}", "{}")] {
            let both = format!("[{STORED},{failure}]");
            assert!(outcome(200, failure).is_err() && outcome(200, &both).is_err(), "{failure}");
        }
        let full = outcome(409, &FAILED.replace("272", "42752")).unwrap_err();
        assert!(matches!(&full, SendError::Failed { what, .. } if what.contains("busy")), "{full}");
        assert!(matches!(outcome(503, ""), Err(SendError::Failed { .. })));
        for (status, body) in [(409, ""), (415, ""), (400, STORED)] {
            assert!(matches!(outcome(status, body), Err(SendError::Refused { .. })), "{status}");
        }
    }

    #[test]
    fn only_an_object_that_is_named_as_stored_is() {
        assert_eq!(outcome(200, STORED).unwrap(), "STOW-RS 200");
        let warned = STORED.replace("]}}]", "]},\"00081196\":{\"vr\":\"US\",\"Value\":[45063]}}]");
        assert_eq!(outcome(202, &warned).unwrap(), "STOW-RS 202, warning 0xb007");
        for body in
            ["", "{}", "[]", "ok", "null", r#"{"00081199":{"vr":"SQ"}}"#, &STORED.replace("1.3", "1.4")]
        {
            for status in [200, 201, 202] {
                let error = outcome(status, body).unwrap_err();
                assert!(matches!(&error, SendError::Failed { .. }), "{status} {body}: {error}");
            }
        }
    }

    #[test]
    fn what_is_there_already_is_stored_if_it_is_ours() {
        for (status, reason) in [(409, 45_070), (202, 273), (200, 273)] {
            let there = FAILED.replace("272", &reason.to_string());
            let receipt = outcome(status, &there).unwrap();
            assert!(receipt.ends_with("it was there before"), "{receipt}");
            assert!(outcome(status, &there.replace("1.3", "1.4")).is_err(), "that is another");
        }
    }

    #[test]
    fn the_part_stands_between_boundaries_and_is_the_same_each_time() {
        let (boundary, bytes) = body(b"one");
        let part =
            format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\none\r\n--{boundary}--\r\n");
        assert_eq!(bytes, part);
        assert!(boundary.len() <= 70, "RFC 2046, 5.1.1");
        assert_eq!(body(b"one"), (boundary, bytes));
    }
}
