//! What a FHIR service says of a request: the codes of the issues of its OperationOutcome, and what became of the entries
//! of a bundle, in JSON or XML. Its words are not read.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// All codes of the value set issue-type (R4 and R5). Any other counts as `other`: a service may write there what it wants.
const CODES: [&str; 33] = [
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "extension",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "no-store",
    "exception",
    "timeout",
    "incomplete",
    "throttled",
    "limited-filter",
    "informational",
    "success",
];
const OTHER: &str = "other";

/// What an answer says.
#[derive(Debug, Default)]
pub(super) struct OperationOutcome {
    /// The codes of all errors.
    pub(super) codes: BTreeSet<&'static str>,
    /// What became of the entries, if the answer is a bundle.
    pub(super) bundle: Option<Answered>,
}

/// A bundle as an answer.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Whether it is the answer to a transaction.
    pub(super) is_response: bool,
    /// Entries that are reported as done.
    pub(super) done: usize,
}

const RESPONSE: &str = "transaction-response";

/// Reads a body; `None` if it is no FHIR.
pub(super) fn read(body: &[u8]) -> Option<OperationOutcome> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim();
    if text.starts_with('<') {
        return xml(text);
    }
    let resource: Value = serde_json::from_str(text).ok()?;
    resource["resourceType"].as_str()?;
    let mut codes = BTreeSet::new();
    json(&resource, &mut codes);
    let entries = resource["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let is_done_there = |entry: &&Value| entry["response"]["status"].as_str().is_some_and(is_done);
    let bundle = (resource["resourceType"] == "Bundle").then(|| Answered {
        is_response: resource["type"] == RESPONSE,
        done: entries.iter().filter(is_done_there).count(),
    });
    Some(OperationOutcome { codes, bundle })
}

/// The codes in one line.
pub(super) fn sentence(codes: &BTreeSet<&'static str>) -> Option<String> {
    (!codes.is_empty()).then(|| codes.iter().copied().collect::<Vec<_>>().join(", "))
}

fn known(code: &str) -> &'static str {
    CODES.into_iter().find(|known| *known == code).unwrap_or(OTHER)
}

fn is_error(severity: &str) -> bool {
    // What can't be understood as harmless is not taken for it.
    !matches!(severity, "warning" | "information" | "success")
}

/// A status of an entry says that it was done when its code is 2xx, or 304: nothing had to be.
fn is_done(status: &str) -> bool {
    status.starts_with('2') || status.starts_with("304")
}

fn json(value: &Value, codes: &mut BTreeSet<&'static str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| json(value, codes)),
        Value::Object(members) => {
            if members.get("resourceType").is_some_and(|kind| kind == "OperationOutcome") {
                for issue in members.get("issue").and_then(Value::as_array).into_iter().flatten() {
                    if is_error(issue["severity"].as_str().unwrap_or_default()) {
                        codes.insert(known(issue["code"].as_str().unwrap_or_default()));
                    }
                }
            }
            let is_bundle = members.get("resourceType").is_some_and(|kind| kind == "Bundle");
            let entries = members.get("entry").and_then(Value::as_array).filter(|_| is_bundle);
            let responses = entries.into_iter().flatten().filter_map(|entry| entry.get("response"));
            for response in responses {
                if !response["status"].as_str().is_some_and(is_done) {
                    codes.insert(OTHER);
                }
            }
            members.values().for_each(|value| json(value, codes));
        }
        _ => {}
    }
}

/// An issue whose end was not read yet.
#[derive(Default)]
struct Issue {
    severity: String,
    code: String,
}

fn xml(text: &str) -> Option<OperationOutcome> {
    let mut reader = Reader::from_str(text);
    let mut outcome = OperationOutcome::default();
    let mut open: Vec<String> = Vec::new();
    let mut issue = Issue::default();
    let mut is_fhir = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                if open.is_empty() {
                    is_fhir = attribute(&element, "xmlns").as_deref() == Some("http://hl7.org/fhir");
                    outcome.bundle = (name(&element) == "Bundle").then(Answered::default);
                }
                note(&open, &element, &mut issue, &mut outcome);
                open.push(name(&element));
            }
            Event::Empty(element) => note(&open, &element, &mut issue, &mut outcome),
            Event::End(_) => {
                let closed = open.pop();
                if closed.as_deref() == Some("issue")
                    && open.last().is_some_and(|last| last == "OperationOutcome")
                {
                    let Issue { severity, code } = std::mem::take(&mut issue);
                    if is_error(&severity) {
                        outcome.codes.insert(known(&code));
                    }
                }
            }
            Event::Eof => return (is_fhir && open.is_empty()).then_some(outcome),
            _ => {}
        }
    }
}

fn note(open: &[String], element: &BytesStart<'_>, issue: &mut Issue, outcome: &mut OperationOutcome) {
    let value = || attribute(element, "value").unwrap_or_default();
    let path: Vec<&str> = open.iter().map(String::as_str).collect();
    let name = name(element);
    if path.ends_with(&["OperationOutcome", "issue"]) {
        match name.as_str() {
            "severity" => issue.severity = value(),
            "code" => issue.code = value(),
            _ => {}
        }
    }
    let is_status = name == "status" && path.ends_with(&["entry", "response"]);
    if is_status && !is_done(&value()) {
        outcome.codes.insert(OTHER);
    }
    let Some(bundle) = &mut outcome.bundle else { return };
    if name == "type" && path == ["Bundle"] {
        bundle.is_response = value() == RESPONSE;
    }
    if is_status && path.len() == 3 && is_done(&value()) {
        bundle.done += 1;
    }
}

fn name(element: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(element.local_name().as_ref()).into_owned()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.try_get_attribute(name).ok().flatten()?;
    Some(String::from_utf8_lossy(&found.value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(body: &str) -> Vec<&'static str> {
        read(body.as_bytes()).unwrap().codes.into_iter().collect()
    }

    #[test]
    fn issues_are_told_by_known_codes_alone() {
        let outcome = |severity: &str, code: &str| {
            format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}","code":"{code}","diagnostics":"CANARY","details":{{"text":"CANARY"}}}}]}}"#
            )
        };
        assert_eq!(codes(&outcome("error", "required")), ["required"]);
        assert_eq!(codes(&outcome("fatal", "CANARY^NAME")), ["other"]);
        assert_eq!(codes(&outcome("CANARY", "value")), ["value"], "what it means is not known");
        assert_eq!(codes(&outcome("information", "informational")), [""; 0]);
        assert_eq!(codes(r#"{"resourceType":"OperationOutcome","issue":[{}]}"#), ["other"]);
        let entry = |response: &str| {
            format!(
                r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{{"response":{response}}}]}}"#
            )
        };
        assert_eq!(codes(&entry(r#"{"status":"201 Created"}"#)), [""; 0]);
        assert_eq!(codes(&entry(r#"{"status":"422 CANARY"}"#)), ["other"]);
        assert_eq!(codes(&entry("{}")), ["other"]);
        let inner = format!(r#"{{"status":"201","outcome":{}}}"#, outcome("error", "conflict"));
        assert_eq!(codes(&entry(&inner)), ["conflict"]);
    }

    #[test]
    fn xml_says_the_same() {
        let outcome = |severity: &str| {
            format!(
                r#"<?xml version="1.0"?><OperationOutcome xmlns="http://hl7.org/fhir"><text><div xmlns="http://www.w3.org/1999/xhtml">CANARY</div></text><issue><severity value="{severity}"/><code value="required"/><diagnostics value="CANARY"/></issue></OperationOutcome>"#
            )
        };
        assert_eq!(codes(&outcome("error")), ["required"]);
        assert_eq!(codes(&outcome("warning")), [""; 0]);
        let bundle = r#"<Bundle xmlns="http://hl7.org/fhir"><entry><response><status value="409"/></response></entry></Bundle>"#;
        assert_eq!(codes(bundle), ["other"]);
        let whole = outcome("error");
        for length in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..length]).is_none(), "{length} bytes");
        }
        for other in ["<a/>", "<html xmlns=\"http://www.w3.org/1999/xhtml\"></html>", "ok", "{}", "[]", "1"] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
