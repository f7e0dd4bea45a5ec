//! Who is there: the one place that decides it. Told who says what of itself and where it comes from, it says as whom the door
//! takes it, or why not. Pure. Titles are texts that anybody can write; an address says a little, a certificate all.

use std::net::IpAddr;
use std::sync::Arc;

use crate::entities::{Certificate, Entities, Entity};

/// What is known of somebody who asks for an association.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    /// The title that it calls, without padding.
    pub(crate) called_ae: &'a str,
    /// The title that it calls itself, without padding.
    pub(crate) calling_ae: &'a str,
    /// Where it calls from.
    pub(crate) address: IpAddr,
    /// What it showed, if the connection has TLS and its authority is trusted.
    pub(crate) certificate: Option<Certificate>,
}

/// As whom somebody is taken.
#[derive(Debug, Clone)]
pub(crate) struct Recognised {
    /// The title that it called, with what is to become of its objects.
    pub(crate) entity: Arc<Entity>,
    /// The title of itself that the operator has written down; `None` where anybody may call.
    pub(crate) sender: Option<String>,
    /// Where it listens for results of storage commitment.
    pub(crate) commit_to: Option<String>,
}

/// Why somebody is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// There is no such title here.
    CalledTitle,
    /// The title may not be called by a sender of that name.
    CallingTitle,
    /// Its name is known, and it comes from somewhere else.
    Address,
    /// Its name and address are known, and it showed no certificate or another one.
    Certificate,
}

impl Stranger {
    /// Stable word for logs and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::CalledTitle => "called-ae",
            Self::CallingTitle => "calling-ae",
            Self::Address => "address",
            Self::Certificate => "certificate",
        }
    }

    /// What an operator can do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::CalledTitle => "no [ae] of the file of AE titles has the title that it calls",
            Self::CallingTitle => "the title that it calls has no [[ae.….caller]] with its own title",
            Self::Address => "its address is in no `addresses` of the callers with its title",
            Self::Certificate => {
                "its certificate is in no `certificates` of the callers with its title and address"
            }
        }
    }
}

/// Who it is.
pub(crate) fn recognise(entities: &Entities, caller: &Caller<'_>) -> Result<Recognised, Stranger> {
    let entity = entities.called(caller.called_ae).ok_or(Stranger::CalledTitle)?;
    if entity.callers.is_empty() {
        return Ok(Recognised { entity, sender: None, commit_to: None });
    }
    let address = caller.address.to_canonical();
    let mut nearest = Stranger::CallingTitle;
    for rule in entity.callers.iter().filter(|rule| rule.title == caller.calling_ae) {
        let has_address =
            rule.addresses.is_empty() || rule.addresses.iter().any(|network| network.contains(&address));
        let shows_certificate = rule.certificates.is_empty()
            || caller.certificate.is_some_and(|shown| rule.certificates.contains(&shown));
        match (has_address, shows_certificate) {
            (true, true) => {
                let (sender, commit_to) = (Some(rule.title.clone()), rule.commit_to.clone());
                return Ok(Recognised { entity, sender, commit_to });
            }
            (true, false) => nearest = Stranger::Certificate,
            (false, _) if nearest == Stranger::CallingTitle => nearest = Stranger::Address,
            (false, _) => {}
        }
    }
    Err(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [ae.OPEN]
        [ae.WARD]
        site = "north"
        [[ae.WARD.caller]]
        title = "CR1"
        addresses = ["10.1.0.0/16", "fd00::/8"]
        [[ae.WARD.caller]]
        title = "CR2"
        certificates = ["0202020202020202020202020202020202020202020202020202020202020202"]
        [[ae.WARD.caller]]
        title = "CR2"
        addresses = ["10.2.0.1"]
    "#;

    fn sender(
        called_ae: &str,
        calling_ae: &str,
        address: &str,
        shown: Option<u8>,
    ) -> Result<Option<String>, Stranger> {
        let entities = Entities::parse(FILE).unwrap();
        let certificate = shown.map(|byte| Certificate([byte; 32]));
        let caller = Caller { called_ae, calling_ae, address: address.parse().unwrap(), certificate };
        recognise(&entities, &caller).map(|recognised| recognised.sender)
    }

    #[test]
    fn who_may_call_is_known_by_its_title_address_and_certificate() {
        let known = |title: &str| Ok(Some(title.to_owned()));
        for (called, calling, address, shown, expected) in [
            ("OPEN", "ANY", "8.8.8.8", None, Ok(None)),
            ("open", "CR1", "10.1.2.3", None, Err(Stranger::CalledTitle)),
            ("WARD", "CR1", "10.1.2.3", None, known("CR1")),
            ("WARD", "CR1", "::ffff:10.1.2.3", None, known("CR1")),
            ("WARD", "CR1", "fd00::7", None, known("CR1")),
            ("WARD", "CR1", "10.2.0.1", Some(2), Err(Stranger::Address)),
            ("WARD", "CR3", "10.1.2.3", None, Err(Stranger::CallingTitle)),
            ("WARD", "", "10.1.2.3", None, Err(Stranger::CallingTitle)),
            ("WARD", "CR2", "8.8.8.8", Some(2), known("CR2")),
            ("WARD", "CR2", "8.8.8.8", Some(3), Err(Stranger::Certificate)),
            ("WARD", "CR2", "8.8.8.8", None, Err(Stranger::Certificate)),
            ("WARD", "CR2", "10.2.0.1", None, known("CR2")),
        ] {
            assert_eq!(
                sender(called, calling, address, shown),
                expected,
                "{called} {calling} {address} {shown:?}"
            );
        }
    }
}
