//! A webhook: JSON by HTTP POST, signed so that the receiver can tell who sent it and when.

use std::path::PathBuf;
use std::time::Duration;

use hilum_forms::Format;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::header;
use serde::Deserialize;
use sha2::Sha256;

use super::address::{self, Endpoint};
use super::error::{SendError, SenderError};
use super::http::{self, Caller};
use super::sender::{ObjectSender, Sender};
use super::settings::Settings;
use crate::secret::Secret;
use crate::shipment::{Object, Shipment};

/// A receiver of JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct WebhookSettings {
    /// Its address.
    pub endpoint: Endpoint,
    /// Key of the signature. It is never sent.
    pub secret: Secret,
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
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    every_revision: Option<bool>,
}

impl TryFrom<Keys> for WebhookSettings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let missing =
            "`secret_env` or `secret_file` is missing; without it nobody can tell who sent a message";
        let secret = address::secret(keys.secret_env, keys.secret_file)?.ok_or(missing)?;
        let token = address::secret(keys.token_env, keys.token_file)?;
        Ok(Self {
            endpoint: Endpoint::read(keys.url, token, keys.token_over_http)?,
            secret,
            every_revision: keys.every_revision.unwrap_or(false),
        })
    }
}

impl Settings for WebhookSettings {
    fn forms(&self) -> &'static [Format] {
        &[Format::Json]
    }

    fn takes_flags(&self) -> bool {
        true
    }

    fn is_newest_only(&self) -> bool {
        !self.every_revision
    }

    fn sender(&self, limit: Duration) -> Result<Box<dyn Sender>, SenderError> {
        let caller = Caller::new(self.endpoint.token.clone(), limit)?;
        Ok(Box::new(WebhookSender { caller, settings: self.clone() }))
    }
}

#[derive(Debug)]
struct WebhookSender {
    caller: Caller,
    settings: WebhookSettings,
}

impl ObjectSender for WebhookSender {
    /// Posts the object; a webhook has one.
    async fn send_object(&self, shipment: &Shipment, object: &Object) -> Result<String, SendError> {
        let secret = self.settings.secret.renewed().await;
        let request = |client: &reqwest::Client| {
            client
                .post(self.settings.endpoint.url.clone())
                .header(header::CONTENT_TYPE, "application/json")
                .header("hilum-signature", signature(&secret, Timestamp::now().as_second(), &object.bytes))
                .header("hilum-site", shipment.site.as_str())
                .header("hilum-study", shipment.study_id.to_string())
                .header("hilum-matter", shipment.matter.token())
                .body(object.bytes.clone())
        };
        let answer = self.caller.send(request).await?;
        if answer.is_success() {
            return Ok(format!("HTTP {}", answer.status.as_u16()));
        }
        Err(http::not_taken(&answer, None))
    }
}

/// `t=SECONDS,v1=HEX`: the time since 1970 and the HMAC-SHA-256 of `SECONDS.BODY`.
fn signature(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python: `hmac.new(b"open sesame", b'1700000000.{"a":1}', "sha256").hexdigest()`.
    #[test]
    fn the_signature_is_that_of_time_and_body() {
        let secret = Secret::new("open sesame", "X").unwrap();
        let signed = signature(&secret, 1_700_000_000, b"{\"a\":1}");
        assert_eq!(
            signed,
            "t=1700000000,v1=cadb540861ccf59ec1384427d0b85b9a528a71adade8c6194e89f3dc38e06f5f"
        );
        assert_ne!(signature(&secret, 1_700_000_001, b"{\"a\":1}")[13..], signed[13..]);
    }
}
