//! How a target is reached.

use std::path::PathBuf;

use reqwest::Url;

use super::keys::{Keys, Kind};
use crate::secret::{Secret, SecretError};

/// How a target is reached.
#[derive(Debug, Clone)]
pub enum Address {
    /// DICOM C-STORE.
    Dicom {
        /// Name or IP address.
        host: String,
        /// Port.
        port: u16,
        /// The receiver's application entity title.
        called_ae: String,
        /// Ours.
        calling_ae: String,
    },
    /// DICOMweb STOW-RS.
    Stow {
        /// Base address of the DICOMweb service.
        url: Url,
        /// For `Authorization: Bearer`.
        token: Option<Secret>,
    },
    /// FHIR over HTTP.
    Fhir {
        /// Base address of the FHIR service.
        url: Url,
        /// For `Authorization: Bearer`.
        token: Option<Secret>,
    },
    /// HL7 v2 over MLLP.
    Hl7 {
        /// Name or IP address.
        host: String,
        /// Port.
        port: u16,
    },
    /// JSON over HTTP.
    Webhook {
        /// Where it is sent.
        url: Url,
        /// For `Authorization: Bearer`.
        token: Option<Secret>,
        /// Key of the signature.
        secret: Secret,
    },
    /// A prefix in object storage.
    S3 {
        /// `s3://bucket` or `file:///folder`.
        store_url: String,
        /// What the keys begin with; may be empty.
        prefix: String,
        /// Settings that override the environment.
        options: Vec<(String, String)>,
    },
}

impl Address {
    /// The address that the keys tell.
    pub(super) fn read(keys: Keys) -> Result<Self, String> {
        match keys.kind {
            Kind::Dicom => {
                let calling_ae = keys.calling_ae.unwrap_or_else(|| "HILUM".to_owned());
                Ok(Self::Dicom {
                    host: host(keys.host)?,
                    port: port(keys.port)?,
                    called_ae: ae_title("called_ae", &needed("called_ae", keys.called_ae)?)?,
                    calling_ae: ae_title("calling_ae", &calling_ae)?,
                })
            }
            Kind::Stow => {
                let (url, token) = web_with_token(keys)?;
                Ok(Self::Stow { url, token })
            }
            Kind::Fhir => {
                let (url, token) = web_with_token(keys)?;
                Ok(Self::Fhir { url, token })
            }
            Kind::Hl7 => Ok(Self::Hl7 { host: host(keys.host)?, port: port(keys.port)? }),
            Kind::Webhook => {
                let key = secret(keys.secret_env.clone(), keys.secret_file.clone())?;
                let missing =
                    "`secret_env` or `secret_file` is missing; without it nobody can tell who sent a message";
                let secret = key.ok_or(missing)?;
                let (url, token) = web_with_token(keys)?;
                Ok(Self::Webhook { url, token, secret })
            }
            Kind::S3 => s3(keys),
        }
    }
}

fn s3(keys: Keys) -> Result<Address, String> {
    let url = needed("url", keys.url)?;
    let (store_url, prefix) = match url.split_once("://") {
        Some(("s3", rest)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("s3://{bucket}"), prefix.trim_matches('/').to_owned())
        }
        Some(("file", folder)) if folder.starts_with('/') => (url.clone(), String::new()),
        _ => return Err("`url` must be s3://bucket/prefix or file:///folder".to_owned()),
    };
    let mut options = Vec::new();
    let plain = [("aws_endpoint", keys.endpoint_url), ("aws_region", keys.region)];
    options.extend(plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let secret = [
        ("aws_access_key_id", keys.access_key_id_env),
        ("aws_secret_access_key", keys.secret_access_key_env),
    ];
    for (name, variable) in secret.into_iter().filter_map(|(name, variable)| Some((name, variable?))) {
        let value = Secret::from_variable(&variable).map_err(|error| error.to_string())?;
        options.push((name.to_owned(), value.reveal().to_owned()));
    }
    Ok(Address::S3 { store_url, prefix, options })
}

fn needed(key: &str, value: Option<String>) -> Result<String, String> {
    let value = value.filter(|value| !value.trim().is_empty());
    value.ok_or_else(|| format!("the key `{key}` is missing"))
}

fn host(value: Option<String>) -> Result<String, String> {
    let host = needed("host", value)?;
    if host.contains(['/', ' ', '@']) {
        return Err("`host` must be a name or an IP address alone".to_owned());
    }
    Ok(host)
}

fn port(value: Option<u16>) -> Result<u16, String> {
    value.filter(|port| *port != 0).ok_or_else(|| "the key `port` is missing; give 1 to 65535".to_owned())
}

/// As in PS3.5, table 6.2-1, value representation AE.
fn ae_title(key: &str, value: &str) -> Result<String, String> {
    let title = value.trim();
    let fits = (1..=16).contains(&title.len())
        && title.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'\\');
    if fits {
        Ok(title.to_owned())
    } else {
        Err(format!("`{key}` must be 1 to 16 printable ASCII characters"))
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

/// An address and the token that is sent there: not for everybody on the way to read. A webhook's secret is not sent.
fn web_with_token(keys: Keys) -> Result<(Url, Option<Secret>), String> {
    let url = web(keys.url)?;
    let token = secret(keys.token_env, keys.token_file)?;
    let told_to = keys.token_over_http.unwrap_or(false);
    if token.is_some() && url.scheme() == "http" && !told_to {
        return Err(
            "its token would be sent over http://, where everybody on the way can read it; use https://, or \
                    say `token_over_http = true`"
                .to_owned(),
        );
    }
    Ok((url, token))
}

fn secret(variable: Option<String>, file: Option<PathBuf>) -> Result<Option<Secret>, String> {
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
