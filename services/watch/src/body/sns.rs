//! What AWS SNS wraps around a notification, and its question whether somebody wants them.

use reqwest::Url;
use serde_json::Value;

/// SNS asks whether its messages are wanted; who asks for the address says that they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The address, as the message gives it.
    pub url: String,
}

/// What SNS sends.
pub(super) enum Wrapped {
    /// A message, as text.
    Message(String),
    /// The question whether messages are wanted.
    Confirmation(Confirmation),
    /// Something that asks for nothing.
    Nothing,
}

/// What a body of SNS says; `None` for other bodies.
pub(super) fn read(value: &Value) -> Option<Wrapped> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    text("TopicArn")?;
    match text("Type")?.as_str() {
        "Notification" => Some(Wrapped::Message(text("Message")?)),
        "SubscriptionConfirmation" => {
            Some(Wrapped::Confirmation(Confirmation { url: text("SubscribeURL")? }))
        }
        _ => Some(Wrapped::Nothing),
    }
}

impl Confirmation {
    /// The address, if it is one of SNS: of AWS by TLS, or that of the `endpoint` in our settings. A body must not have us ask for
    /// any other address.
    pub fn address(&self, endpoint: Option<&Url>) -> Option<Url> {
        let url = Url::parse(&self.url).ok()?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_ours = endpoint.is_some_and(|endpoint| endpoint.origin() == url.origin());
        let is_of_aws = url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(is_sns);
        (is_plain && (is_ours || is_of_aws)).then_some(url)
    }
}

/// Whether a host is `sns.REGION.amazonaws.com` or of its Chinese partition.
fn is_sns(host: &str) -> bool {
    let region = host.strip_prefix("sns.").and_then(|rest| {
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    region.is_some_and(|region| {
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}
