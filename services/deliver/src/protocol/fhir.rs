//! FHIR: a transaction by HTTP POST to the base address (R4, 3.1.0.11), and what the answer says of it.

mod outcome;

use std::path::PathBuf;
use std::time::Duration;

use hilum_forms::Format;
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::address::{Endpoint, secret};
use super::error::{SendError, SenderError};
use super::http::{self, Answer, Caller};
use super::sender::{ObjectSender, Sender};
use super::settings::Settings;
use crate::shipment::{Object, Shipment};

const MEDIA_TYPE: &str = "application/fhir+json";
/// Header of RFC 7240.
const PREFER: &str = "prefer";

/// A FHIR service.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct FhirSettings {
    /// Its base address.
    pub endpoint: Endpoint,
    /// Whether older revisions of a report are sent behind newer ones.
    pub every_revision: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    url: Option<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    token_over_http: Option<bool>,
    every_revision: Option<bool>,
}

impl TryFrom<Keys> for FhirSettings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let token = secret(keys.token_env, keys.token_file)?;
        Ok(Self {
            endpoint: Endpoint::read(keys.url, token, keys.token_over_http)?,
            every_revision: keys.every_revision.unwrap_or(false),
        })
    }
}

impl Settings for FhirSettings {
    fn forms(&self) -> &'static [Format] {
        &[Format::Fhir]
    }

    fn is_newest_only(&self) -> bool {
        !self.every_revision
    }

    /// A conditional request first looks whether something is there: of two at once each could find nothing and make it.
    fn at_once(&self) -> usize {
        1
    }

    fn sender(&self, limit: Duration) -> Result<Box<dyn Sender>, SenderError> {
        let caller = Caller::new(self.endpoint.token.clone(), limit)?;
        Ok(Box::new(FhirSender { caller, base: self.endpoint.url.clone() }))
    }
}

#[derive(Debug)]
struct FhirSender {
    caller: Caller,
    base: Url,
}

/// The part of a bundle that its answer is compared with.
#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    entry: Vec<IgnoredAny>,
}

impl ObjectSender for FhirSender {
    /// Posts the bundle, a transaction.
    async fn send_object(&self, _: &Shipment, object: &Object) -> Result<String, SendError> {
        let bundle: Result<Bundle, _> = serde_json::from_slice(&object.bytes);
        let bundle =
            bundle.map_err(|error| SendError::refused(format!("what was made is no bundle: {error}")))?;
        let request = |client: &reqwest::Client| {
            client
                .post(self.base.clone())
                .header(header::CONTENT_TYPE, MEDIA_TYPE)
                .header(header::ACCEPT, MEDIA_TYPE)
                // What was stored need not come back.
                .header(PREFER, "return=minimal")
                .body(object.bytes.clone())
        };
        taken(&self.caller.send(request).await?, bundle.entry.len())
    }
}

/// Whether the transaction with so many entries was taken. A success with an error in it is none (R4, 3.1.0.4 and 3.2), nor is one
/// that does not say of each entry that it was done. Only the codes of an outcome's issues are passed on.
fn taken(answer: &Answer, entries: usize) -> Result<String, SendError> {
    let code = answer.status.as_u16();
    if !answer.is_success() {
        return Err(not_taken(answer));
    }
    if answer.body.trim_ascii().is_empty() {
        return Ok(format!("HTTP {code}"));
    }
    let outcome = outcome::read(&answer.body);
    let outcome = outcome
        .ok_or_else(|| SendError::failed(format!("it answered HTTP {code} and something else than FHIR")))?;
    if let Some(codes) = outcome::sentence(&outcome.codes) {
        let what = format!("it answered HTTP {code} with an outcome that is an error: {codes}");
        return Err(SendError::failed(what));
    }
    match outcome.bundle {
        Some(bundle) if !bundle.is_response => Err(SendError::failed(format!(
            "it answered HTTP {code} with a bundle that is no transaction-response; is `url` the base of the service?"
        ))),
        Some(bundle) if bundle.done < entries => Err(SendError::failed(format!(
            "it answered HTTP {code} and says of {} of {entries} entries that they are done",
            bundle.done
        ))),
        _ => Ok(format!("HTTP {code}")),
    }
}

fn not_taken(answer: &Answer) -> SendError {
    let outcome = outcome::read(&answer.body).unwrap_or_default();
    let codes = outcome::sentence(&outcome.codes);
    match answer.status {
        // Somebody else wrote at the same time.
        StatusCode::CONFLICT => SendError::Failed {
            what: "it answered HTTP 409: another request changed the same at that time".to_owned(),
            source: None,
            not_before: answer.retry_after,
        },
        StatusCode::PRECONDITION_FAILED => SendError::refused(
            "it answered HTTP 412: several resources there have an identifier of this report; leave one of each there \
             and redrive it",
        ),
        _ => http::not_taken(answer, codes.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::tests::answered;

    /// A bundle with an entry for each status.
    fn response(kind: &str, statuses: &[&str]) -> String {
        let entry = |status: &&str| format!(r#"{{"response":{{"status":"{status}"}}}}"#);
        let entries = statuses.iter().map(entry).collect::<Vec<_>>().join(",");
        format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#)
    }

    #[test]
    fn each_entry_has_to_be_told_as_done() {
        let taken = |body: &str| taken(&answered(200, MEDIA_TYPE, body), 2);
        assert!(taken(&response("transaction-response", &["201 Created", "200"])).is_ok());
        let xml = |second: &str| {
            format!(
                r#"<Bundle xmlns="http://hl7.org/fhir"><type value="transaction-response"/><entry><response><status value="201"/></response></entry>{second}</Bundle>"#
            )
        };
        assert!(taken(&xml(r#"<entry><response><status value="200 OK"/></response></entry>"#)).is_ok());
        for (body, told) in [
            (response("transaction-response", &["201 Created"]), "1 of 2 entries"),
            (response("transaction-response", &[]), "0 of 2 entries"),
            (response("transaction-response", &["201 Created", "404 CANARY"]), "an error: other"),
            (response("transaction", &["201", "201"]), "no transaction-response"),
            (
                r#"{"resourceType":"Bundle","type":"collection","id":"1"}"#.to_owned(),
                "no transaction-response",
            ),
            (xml(""), "1 of 2 entries"),
            (xml("<entry/>"), "1 of 2 entries"),
            (xml("").replace("transaction-response", "collection"), "no transaction-response"),
        ] {
            let failed = taken(&body).unwrap_err();
            assert!(matches!(failed, SendError::Failed { .. }), "{body}");
            assert!(failed.to_string().contains(told), "{body}: {failed}");
        }
    }

    #[test]
    fn several_that_match_are_for_people_to_sort_out_and_a_conflict_passes() {
        let several = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"multiple-matches","diagnostics":"CANARY"}]}"#;
        let refused = taken(&answered(412, MEDIA_TYPE, several), 1).unwrap_err();
        assert!(matches!(refused, SendError::Refused { .. }));
        assert!(refused.to_string().contains("leave one of each there"), "{refused}");
        let conflict = taken(&answered(409, MEDIA_TYPE, several), 1).unwrap_err();
        assert!(matches!(conflict, SendError::Failed { .. }), "{conflict}");
    }

    #[test]
    fn a_success_with_an_error_in_it_is_none_and_only_codes_are_told() {
        let error = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","diagnostics":"CANARY"}]}"#;
        for (status, told) in [
            (200, "it answered HTTP 200 with an outcome that is an error: required"),
            (422, "it answered HTTP 422: required"),
            (503, "it is busy: it answered HTTP 503: required"),
        ] {
            let failed = taken(&answered(status, MEDIA_TYPE, error), 1).unwrap_err();
            assert_eq!(failed.to_string(), told);
            assert_eq!(matches!(failed, SendError::Refused { .. }), status == 422);
        }
        for (status, body) in [
            (201, ""),
            (200, " "),
            (200, &*error.replace("error", "warning")),
            (200, &*response("transaction-response", &["201 Created"])),
        ] {
            assert_eq!(taken(&answered(status, MEDIA_TYPE, body), 1).unwrap(), format!("HTTP {status}"));
        }
        for body in ["ok", "{}", "[]", "{\"message\":\"queued\"}", "<a/>"] {
            let failed = taken(&answered(200, "", body), 1).unwrap_err();
            assert!(matches!(&failed, SendError::Failed { .. }), "{failed}");
        }
    }
}
