//! FHIR: a bundle by HTTP POST.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Url, header};
use serde::Deserialize;

use super::SendError;
use crate::forms::Object;
use crate::http;
use crate::secret::Secret;

const MEDIA_TYPE: &str = "application/fhir+json";

/// A FHIR service.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    base: Url,
    token: Option<Secret>,
}

/// As much of a bundle as tells where it goes.
#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "type")]
    kind: String,
}

impl Endpoint {
    pub(super) fn new(base: Url, token: Option<Secret>, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { client: http::client(limit)?, base, token })
    }

    /// Posts each bundle.
    pub(super) async fn post(&self, objects: &[Object]) -> Result<String, SendError> {
        let mut receipt = String::new();
        for object in objects {
            receipt = self.post_one(object.bytes.clone()).await?;
        }
        Ok(receipt)
    }

    async fn post_one(&self, body: Bytes) -> Result<String, SendError> {
        let request = self.client.post(place_of(&self.base, &body)?);
        let request = http::with_token(request, self.token.as_ref())
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::ACCEPT, MEDIA_TYPE)
            .body(body);
        let answer = http::send(request).await?;
        if answer.status.is_success() {
            return Ok(format!("HTTP {}", answer.status.as_u16()));
        }
        Err(http::refused(answer.status, Some(&answer.body)))
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
}
