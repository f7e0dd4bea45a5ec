//! HL7 v2: the settings of a receiver of messages, and what messages say besides the report.

mod mllp;

use std::time::Duration;

use hilum_forms::{Format, Heading, Message, System};
use serde::Deserialize;

use super::address::HostPort;
use super::error::SenderError;
use super::sender::Sender;
use super::settings::Settings;
use mllp::MllpSender;

/// A receiver of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Hl7Settings {
    /// Where it listens.
    pub address: HostPort,
    /// What messages say besides the report.
    pub message: Message,
    /// Whether older revisions of a report are sent behind newer ones.
    pub every_revision: bool,
    /// Whether it takes nothing of a patient without an id.
    pub requires_patient_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    host: Option<String>,
    port: Option<u16>,
    every_revision: Option<bool>,
    sending_application: Option<String>,
    sending_facility: Option<String>,
    receiving_application: Option<String>,
    receiving_facility: Option<String>,
    name_patient: Option<bool>,
    assigning_authority: Option<String>,
    require_patient_id: Option<bool>,
}

impl TryFrom<Keys> for Hl7Settings {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        Ok(Self {
            message: message(&keys)?,
            address: HostPort::read(keys.host, keys.port)?,
            every_revision: keys.every_revision.unwrap_or(false),
            requires_patient_id: keys.require_patient_id.unwrap_or(false),
        })
    }
}

fn message(keys: &Keys) -> Result<Message, String> {
    let names_patient = keys.name_patient.unwrap_or(false);
    let assigning_authority = keys.assigning_authority.clone().unwrap_or_default();
    if !names_patient && !assigning_authority.is_empty() {
        return Err(
            "`assigning_authority` is of a patient, and `name_patient` is not true; leave it out".to_owned()
        );
    }
    if assigning_authority.chars().any(|char| char.is_control() || "|^~\\&".contains(char)) {
        return Err("`assigning_authority` must be a name without | ^ ~ \\ &".to_owned());
    }
    Ok(Message {
        heading: Heading {
            sending_application: system("sending_application", keys.sending_application.as_deref())?,
            sending_facility: system("sending_facility", keys.sending_facility.as_deref())?,
            receiving_application: system("receiving_application", keys.receiving_application.as_deref())?,
            receiving_facility: system("receiving_facility", keys.receiving_facility.as_deref())?,
        },
        names_patient,
        assigning_authority,
    })
}

fn system(key: &str, value: Option<&str>) -> Result<System, String> {
    let Some(value) = value else { return Ok(System::default()) };
    System::new(value).ok_or_else(|| {
        format!("`{key}` must be a name, or a name with its identifier and type: NAME^IDENTIFIER^TYPE, without | ~ \\ &")
    })
}

impl Settings for Hl7Settings {
    fn forms(&self) -> &'static [Format] {
        &[Format::Hl7]
    }

    fn is_newest_only(&self) -> bool {
        !self.every_revision
    }

    fn message(&self) -> Message {
        self.message.clone()
    }

    fn requires_patient_id(&self) -> bool {
        self.requires_patient_id
    }

    fn sender(&self, _: Duration) -> Result<Box<dyn Sender>, SenderError> {
        Ok(Box::new(MllpSender(self.address.clone())))
    }
}
