//! A webhook: JSON by HTTP POST, signed so that the receiver can tell who sent it and when.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::{Url, header};
use sha2::Sha256;

use super::{Parcel, SendError};
use crate::forms::Object;
use crate::protocol::http::{self, Caller};
use crate::secret::Secret;

/// Where a webhook is sent.
#[derive(Debug)]
pub(super) struct Endpoint {
    caller: Caller,
    url: Url,
    secret: Secret,
}

impl Endpoint {
    pub(super) fn new(
        url: Url,
        token: Option<Secret>,
        secret: Secret,
        limit: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self { caller: Caller::new(token, limit)?, url, secret })
    }

    /// Posts the object; a webhook has one.
    pub(super) async fn post(&self, parcel: &Parcel, object: &Object) -> Result<String, SendError> {
        let secret = self.secret.renewed().await;
        let request = |client: &reqwest::Client| {
            client
                .post(self.url.clone())
                .header(header::CONTENT_TYPE, "application/json")
                .header("hilum-signature", signature(&secret, Timestamp::now().as_second(), &object.bytes))
                .header("hilum-site", parcel.site.as_str())
                .header("hilum-study", parcel.study_id.to_string())
                .header("hilum-matter", parcel.matter.token())
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
