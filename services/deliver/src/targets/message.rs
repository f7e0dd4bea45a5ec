//! What HL7 messages to a target say besides the report.

use hilum_forms::{Heading, Message, System};

use super::keys::Keys;

/// The settings of a target of HL7; those of any other have none of these keys.
pub(super) fn read(keys: &Keys) -> Result<Message, String> {
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
