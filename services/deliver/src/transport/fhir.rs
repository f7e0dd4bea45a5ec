//! FHIR: a bundle by HTTP POST, and what the answer says of it.

mod outcome;

use std::time::Duration;

use reqwest::{Url, header};
use serde::Deserialize;

use super::SendError;
use crate::forms::Object;
use crate::http::{self, Answer, Caller};
use crate::secret::Secret;

const MEDIA_TYPE: &str = "application/fhir+json";

/// A FHIR service.
#[derive(Debug)]
pub(super) struct Endpoint {
    caller: Caller,
    base: Url,
}

/// As much of a bundle as tells where it goes.
#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "type")]
    kind: String,
}

impl Endpoint {
    pub(super) fn new(base: Url, token: Option<Secret>, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { caller: Caller::new(token, limit)?, base })
    }

    /// Posts the bundle.
    pub(super) async fn post(&self, object: &Object) -> Result<String, SendError> {
        let place = place_of(&self.base, &object.bytes)?;
        let request = |client: &reqwest::Client| {
            client
                .post(place.clone())
                .header(header::CONTENT_TYPE, MEDIA_TYPE)
                .header(header::ACCEPT, MEDIA_TYPE)
                .body(object.bytes.clone())
        };
        taken(&self.caller.send(request).await?)
    }
}

/// Whether the bundle was taken. A success with an error in it is none (R4, 3.1.0.4 and 3.2): of an outcome only the codes
/// of its issues are told.
fn taken(answer: &Answer) -> Result<String, SendError> {
    let code = answer.status.as_u16();
    if !answer.is_success() {
        let codes = outcome::read(&answer.body).unwrap_or_default();
        return Err(http::not_taken(answer, outcome::sentence(&codes).as_deref()));
    }
    if answer.body.trim_ascii().is_empty() {
        return Ok(format!("HTTP {code}"));
    }
    let errors = outcome::read(&answer.body);
    let errors = errors
        .ok_or_else(|| SendError::failed(format!("it answered HTTP {code} and something else than FHIR")))?;
    match outcome::sentence(&errors) {
        None => Ok(format!("HTTP {code}")),
        Some(codes) => Err(SendError::failed(format!(
            "it answered HTTP {code} with an outcome that is an error: {codes}"
        ))),
    }
}

/// A transaction or batch goes to the base address (R4, 3.1.0.11), any other bundle is a resource to be created.
fn place_of(base: &Url, body: &[u8]) -> Result<Url, SendError> {
    let bundle: Result<Bundle, _> = serde_json::from_slice(body);
    let bundle =
        bundle.map_err(|error| SendError::refused(format!("what was made is no bundle: {error}")))?;
    match bundle.kind.as_str() {
        "transaction" | "batch" => Ok(base.clone()),
        _ => Ok(under(base, "Bundle")),
    }
}

/// The address of `name` under `base`, whether or not `base` ends with a slash.
pub(super) fn under(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}/{name}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::answered;

    #[test]
    fn a_transaction_goes_to_the_base_and_a_collection_is_created() {
        for base in ["http://h/fhir", "http://h/fhir/"] {
            let base = Url::parse(base).unwrap();
            let place = |body: &[u8]| place_of(&base, body).map(|url| url.to_string());
            assert_eq!(place(br#"{"type":"transaction"}"#).unwrap(), base.to_string());
            assert_eq!(place(br#"{"type":"collection"}"#).unwrap(), "http://h/fhir/Bundle");
            assert!(place(b"[]").is_err());
        }
    }

    #[test]
    fn a_success_with_an_error_in_it_is_none_and_only_codes_are_told() {
        let error = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","diagnostics":"CANARY"}]}"#;
        for (status, told) in [
            (200, "it answered HTTP 200 with an outcome that is an error: required"),
            (422, "it answered HTTP 422: required"),
            (503, "it is busy: it answered HTTP 503: required"),
        ] {
            let failed = taken(&answered(status, MEDIA_TYPE, error)).unwrap_err();
            assert_eq!(failed.to_string(), told);
            assert_eq!(matches!(failed, SendError::Refused { .. }), status == 422);
        }
        for (status, body) in [
            (201, ""),
            (200, " "),
            (200, &*error.replace("error", "warning")),
            (201, r#"{"resourceType":"Bundle","type":"collection","id":"1"}"#),
        ] {
            assert_eq!(taken(&answered(status, MEDIA_TYPE, body)).unwrap(), format!("HTTP {status}"));
        }
        for body in ["ok", "{}", "[]", "{\"message\":\"queued\"}", "<a/>"] {
            let failed = taken(&answered(200, "", body)).unwrap_err();
            assert!(matches!(&failed, SendError::Failed { .. }), "{failed}");
        }
    }
}
