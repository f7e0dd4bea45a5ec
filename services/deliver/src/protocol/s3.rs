//! A prefix in object storage: each object under a name that tells its site, study and revision.

use std::fmt;
use std::time::Duration;

use hilum_blobs::{BlobStore, PlaceError, Placement, StoreConfig};
use hilum_events::Matter;
use hilum_forms::Format;
use serde::Deserialize;

use super::address::needed;
use super::error::{SendError, SenderError};
use super::sender::{ObjectSender, Sender};
use super::settings::Settings;
use crate::secret::Secret;
use crate::shipment::{Object, Shipment};

/// A prefix in a store.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct S3Settings {
    /// `s3://bucket` or `file:///folder`.
    pub store_url: String,
    /// What the keys of objects begin with; may be empty.
    pub prefix: String,
    /// Settings of the store that override the environment, as `object_store` names them.
    pub options: Vec<(String, String)>,
    /// Whether nothing of a patient without an id is kept there.
    pub requires_patient_id: bool,
}

/// Shows which options there are, not what they are: one is a secret.
impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("S3Settings")
            .field("store_url", &self.store_url)
            .field("prefix", &self.prefix)
            .field("options", &options)
            .field("requires_patient_id", &self.requires_patient_id)
            .finish()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    url: Option<String>,
    endpoint_url: Option<String>,
    region: Option<String>,
    access_key_id_env: Option<String>,
    secret_access_key_env: Option<String>,
    require_patient_id: Option<bool>,
}

impl TryFrom<Keys> for S3Settings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let url = needed("url", keys.url)?;
        let (store_url, prefix) = match url.split_once("://") {
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                (format!("s3://{bucket}"), prefix.trim_matches('/').to_owned())
            }
            Some(("file", folder)) if folder.starts_with('/') => (url.clone(), String::new()),
            _ => return Err("`url` must be s3://bucket/prefix or file:///folder".to_owned()),
        };
        let plain = [("aws_endpoint", keys.endpoint_url), ("aws_region", keys.region)];
        let mut options: Vec<_> =
            plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let secret = [
            ("aws_access_key_id", keys.access_key_id_env),
            ("aws_secret_access_key", keys.secret_access_key_env),
        ];
        for (name, variable) in secret.into_iter().filter_map(|(name, variable)| Some((name, variable?))) {
            let value = Secret::from_variable(&variable).map_err(|error| error.to_string())?;
            options.push((name.to_owned(), value.reveal().to_owned()));
        }
        let requires_patient_id = keys.require_patient_id.unwrap_or(false);
        Ok(Self { store_url, prefix, options, requires_patient_id })
    }
}

impl Settings for S3Settings {
    fn forms(&self) -> &'static [Format] {
        &Format::ALL
    }

    fn requires_patient_id(&self) -> bool {
        self.requires_patient_id
    }

    fn sender(&self, _: Duration) -> Result<Box<dyn Sender>, SenderError> {
        let config = StoreConfig { options: self.options.clone(), ..StoreConfig::at(&self.store_url) };
        Ok(Box::new(S3Sender { store: BlobStore::open(&config)?, prefix: self.prefix.clone() }))
    }
}

#[derive(Debug)]
struct S3Sender {
    store: BlobStore,
    prefix: String,
}

impl ObjectSender for S3Sender {
    /// Writes the object, and reads it back; what lies there already with the same bytes is left.
    async fn send_object(&self, shipment: &Shipment, object: &Object) -> Result<String, SendError> {
        let name = name(&self.prefix, shipment, &object.file_name);
        match self.store.place(&name, object.bytes.clone()).await {
            Ok(Placement::Written) => Ok(format!("{name} written")),
            Ok(Placement::There) => Ok(format!("{name} there before")),
            Err(error @ PlaceError::Taken { .. }) => Err(SendError::refused(error.to_string())),
            Err(error) => Err(SendError::failed_because("it did not keep an object", &error)),
        }
    }
}

fn name(prefix: &str, shipment: &Shipment, file_name: &str) -> String {
    let folder = match &shipment.matter {
        Matter::Report(revision) => format!("r{revision}"),
        matter @ Matter::Flag(_) => matter.token(),
    };
    let name = format!("{}/{}/{folder}/{file_name}", shipment.site, shipment.study_id);
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_shown_keep_their_secret() {
        let options = vec![("aws_secret_access_key".to_owned(), "open sesame".to_owned())];
        let settings = S3Settings {
            store_url: "s3://bucket".to_owned(),
            prefix: String::new(),
            options,
            requires_patient_id: false,
        };
        let shown = format!("{settings:?}");
        assert!(shown.contains("aws_secret_access_key") && !shown.contains("sesame"), "{shown}");
    }
}
