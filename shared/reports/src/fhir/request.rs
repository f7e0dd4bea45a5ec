//! What a server is asked to do with an entry of the bundle: a request that depends on who has the identifier already
//! (R4, 3.1.0.4.3 and 3.1.0.5.1).

use serde::Serialize;

use super::types::Identifier;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    method: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_none_exist: Option<String>,
}

impl Request {
    /// What has the first identifier gets this content; where there is none, it is made.
    pub(super) fn update(resource_type: &str, identifiers: &[Identifier]) -> Self {
        let url = format!("{resource_type}?{}", with(identifiers));
        Self { method: "PUT", url, if_none_exist: None }
    }

    /// What has the first identifier stays as it is; where there is none, it is made.
    pub(super) fn create(resource_type: &str, identifiers: &[Identifier]) -> Self {
        Self { method: "POST", url: resource_type.to_owned(), if_none_exist: Some(with(identifiers)) }
    }
}

/// Nothing in these identifiers would have to be escaped: they are URNs of UUIDs and UIDs. The bar between the two halves is
/// written as in all examples of the standard.
fn with(identifiers: &[Identifier]) -> String {
    let first = identifiers.first().expect("each resource has an identifier of its own");
    format!("identifier={}|{}", first.system.unwrap_or_default(), first.value)
}
