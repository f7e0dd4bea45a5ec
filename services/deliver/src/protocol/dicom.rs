//! DICOM: the settings of a receiver of objects by C-STORE.

mod peer;
mod response;

use std::time::Duration;

use hilum_forms::Format;
use serde::Deserialize;

use super::address::{HostPort, needed};
use super::error::SenderError;
use super::sender::Sender;
use super::settings::Settings;
use peer::Peer;

/// A receiver of DICOM objects, and what it is told of us.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct DicomSettings {
    /// Where it listens.
    pub address: HostPort,
    /// Its application entity title.
    pub called_ae: String,
    /// The title that we call ourselves.
    pub calling_ae: String,
    /// Whether it takes nothing of a patient without an id.
    pub requires_patient_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    host: Option<String>,
    port: Option<u16>,
    called_ae: Option<String>,
    calling_ae: Option<String>,
    require_patient_id: Option<bool>,
}

impl TryFrom<Keys> for DicomSettings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let calling_ae = keys.calling_ae.unwrap_or_else(|| "HILUM".to_owned());
        Ok(Self {
            address: HostPort::read(keys.host, keys.port)?,
            called_ae: ae_title("called_ae", &needed("called_ae", keys.called_ae)?)?,
            calling_ae: ae_title("calling_ae", &calling_ae)?,
            requires_patient_id: keys.require_patient_id.unwrap_or(false),
        })
    }
}

/// An application entity title as PS3.5, table 6.2-1, wants it.
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

impl Settings for DicomSettings {
    fn forms(&self) -> &'static [Format] {
        &[Format::DicomSr, Format::DicomSc, Format::DicomPdf]
    }

    fn requires_patient_id(&self) -> bool {
        self.requires_patient_id
    }

    fn sender(&self, limit: Duration) -> Result<Box<dyn Sender>, SenderError> {
        Ok(Box::new(Peer {
            address: self.address.clone(),
            called_ae: self.called_ae.clone(),
            calling_ae: self.calling_ae.clone(),
            limit,
        }))
    }
}
