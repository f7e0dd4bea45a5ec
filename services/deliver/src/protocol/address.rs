//! Addresses and secrets as targets of several protocols have them, checked.

use std::path::PathBuf;

use reqwest::Url;

use crate::secret::{Secret, SecretError};

/// A TCP port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Name or IP address.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl HostPort {
    pub(super) fn read(host: Option<String>, port: Option<u16>) -> Result<Self, String> {
        let host = needed("host", host)?;
        if host.contains(['/', ' ', '@']) {
            return Err("`host` must be a name or an IP address alone".to_owned());
        }
        let port = port.filter(|port| *port != 0).ok_or("the key `port` is missing; give 1 to 65535")?;
        Ok(Self { host, port })
    }
}

/// A web service, and the token that it is sent.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address.
    pub url: Url,
    /// For `Authorization: Bearer`.
    pub token: Option<Secret>,
}

impl Endpoint {
    /// A token goes over `http://`, where everybody on the way can read it, only where `over_http` says so.
    pub(super) fn read(
        url: Option<String>,
        token: Option<Secret>,
        over_http: Option<bool>,
    ) -> Result<Self, String> {
        let url = web(url)?;
        if token.is_some() && url.scheme() == "http" && !over_http.unwrap_or(false) {
            return Err(
                "its token would be sent over http://, where everybody on the way can read it; use https://, or \
                 say `token_over_http = true`"
                    .to_owned(),
            );
        }
        Ok(Self { url, token })
    }

    /// The address of `name` under this one, whether or not it ends with a slash.
    pub(super) fn under(&self, name: &str) -> Url {
        let mut url = self.url.clone();
        let path = format!("{}/{name}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

fn web(value: Option<String>) -> Result<Url, String> {
    let url = needed("url", value)?;
    let rule = "`url` must be an http:// or https:// address without a user name, a query or a fragment";
    let url = Url::parse(&url).map_err(|_| rule.to_owned())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.query().is_none();
    if fits { Ok(url) } else { Err(rule.to_owned()) }
}

/// The value of a key that has to be there.
pub(super) fn needed(key: &str, value: Option<String>) -> Result<String, String> {
    let value = value.filter(|value| !value.trim().is_empty());
    value.ok_or_else(|| format!("the key `{key}` is missing"))
}

/// The secret in this environment variable or this file, if one is named.
pub(super) fn secret(variable: Option<String>, file: Option<PathBuf>) -> Result<Option<Secret>, String> {
    let found = match (variable, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err("a secret is named twice: by a variable and by a file; leave one out".to_owned());
        }
        (Some(name), None) => Secret::from_variable(&name),
        (None, Some(path)) => Secret::from_file(&path),
    };
    let told = |error: SecretError| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    found.map(Some).map_err(told)
}
