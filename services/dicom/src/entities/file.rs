//! The file as it is written, and the checks that make entities of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use hilum_events::{Priority, Site};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::{CallerRule, Certificate, Entities, Entity, Fault, Other};
use crate::syntaxes::{DEFAULT_WORDS, classes_of, words};
use crate::uid::is_uid;

/// Most entries of a list, callers of a title, titles.
const LIST_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ae: Spanned<BTreeMap<Spanned<String>, EntityTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityTable {
    site: Option<Spanned<String>>,
    priority: Option<Priority>,
    sop_classes: Option<Spanned<Vec<String>>>,
    other: Option<Other>,
    #[serde(default)]
    caller: Vec<Spanned<CallerTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerTable {
    title: Spanned<String>,
    addresses: Option<Spanned<Vec<String>>>,
    certificates: Option<Spanned<Vec<String>>>,
    commit_to: Option<Spanned<String>>,
}

pub(super) fn parse(text: &str) -> Result<Entities, Fault> {
    let reader = Reader { text };
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        reader.fault(&span, error.message())
    })?;
    let tables = file.ae.get_ref();
    if !(1..=LIST_MAX).contains(&tables.len()) {
        let what =
            format!("write 1 to {LIST_MAX} tables [ae.TITLE], one for each title that the door answers to");
        return Err(reader.fault(&file.ae.span(), what));
    }
    let mut entities = BTreeMap::new();
    for (title, table) in tables {
        let entity = reader.entity(title, table)?;
        let title = entity.title.clone();
        if entities.insert(title.clone(), Arc::new(entity)).is_some() {
            return Err(
                reader.fault(&title_span(tables, &title), format!("the title {title} stands here twice"))
            );
        }
    }
    Ok(Entities(entities))
}

fn title_span(tables: &BTreeMap<Spanned<String>, EntityTable>, title: &str) -> Range<usize> {
    let same = tables.keys().filter(|key| key.get_ref().trim() == title);
    same.map(Spanned::span).max_by_key(|span| span.start).unwrap_or_default()
}

/// What images of a title are for the model where it says nothing of that.
pub(super) fn default_classes() -> BTreeSet<String> {
    let classes = DEFAULT_WORDS.iter().filter_map(|word| classes_of(word)).flatten();
    classes.map(|class| (*class).to_owned()).collect()
}

/// Checks what was read, and finds the lines of faults in the text it was read from.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, span: &Range<usize>, what: impl Into<String>) -> Fault {
        Fault::at(self.text, span, what)
    }

    fn entity(&self, title: &Spanned<String>, table: &EntityTable) -> Result<Entity, Fault> {
        let site = match &table.site {
            Some(name) => {
                let site = name.get_ref().parse::<Site>();
                site.map_err(|error| self.fault(&name.span(), format!("site: {error}")))?
            }
            None => Site::default(),
        };
        let sop_classes = match &table.sop_classes {
            Some(names) => self.sop_classes(names)?,
            None => default_classes(),
        };
        if let Some(caller) = table.caller.get(LIST_MAX) {
            return Err(self.fault(&caller.span(), format!("a title has more than {LIST_MAX} callers")));
        }
        Ok(Entity {
            title: self.title(title)?,
            site,
            priority: table.priority.unwrap_or_default(),
            sop_classes,
            other: table.other.unwrap_or_default(),
            callers: table
                .caller
                .iter()
                .map(|caller| self.caller(caller.get_ref()))
                .collect::<Result<_, _>>()?,
        })
    }

    /// A title as PS3.5, table 6.2-1, wants it.
    fn title(&self, title: &Spanned<String>) -> Result<String, Fault> {
        let text = title.get_ref().trim();
        let is_allowed = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
        if (1..=16).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(text.to_owned());
        }
        let what = "an AE title must be 1 to 16 printable ASCII characters without a backslash";
        Err(self.fault(&title.span(), what))
    }

    fn sop_classes(&self, names: &Spanned<Vec<String>>) -> Result<BTreeSet<String>, Fault> {
        let mut classes = BTreeSet::new();
        for name in self.list("sop_classes", names)? {
            match classes_of(name) {
                Some(meant) => classes.extend(meant.iter().map(|class| (*class).to_owned())),
                None if is_uid(name) && name.contains('.') => {
                    classes.insert(name.clone());
                }
                None => {
                    let what = format!("sop_classes has an entry that is none of {} and no UID", words());
                    return Err(self.fault(&names.span(), what));
                }
            }
        }
        Ok(classes)
    }

    fn caller(&self, table: &CallerTable) -> Result<CallerRule, Fault> {
        let addresses = match &table.addresses {
            Some(texts) => self.list("addresses", texts)?.iter().map(|text| network(text)).collect(),
            None => Some(Vec::new()),
        };
        let certificates = match &table.certificates {
            Some(texts) => self.list("certificates", texts)?.iter().map(|text| certificate(text)).collect(),
            None => Some(Vec::new()),
        };
        let span = |list: &Option<Spanned<Vec<String>>>| list.as_ref().map(Spanned::span).unwrap_or_default();
        let addresses = addresses.ok_or_else(|| {
            let what = "addresses must be addresses such as 10.1.2.3, or networks such as 10.1.0.0/16";
            self.fault(&span(&table.addresses), what)
        })?;
        let certificates = certificates.ok_or_else(|| {
            let what = "certificates must be SHA-256 fingerprints of 64 hexadecimal digits, as `openssl x509 -noout \
                        -fingerprint -sha256` prints them";
            self.fault(&span(&table.certificates), what)
        })?;
        let commit_to = table.commit_to.as_ref().map(|address| self.host_and_port(address)).transpose()?;
        Ok(CallerRule { title: self.title(&table.title)?, addresses, certificates, commit_to })
    }

    fn host_and_port(&self, address: &Spanned<String>) -> Result<String, Fault> {
        let text = address.get_ref();
        let parts =
            text.rsplit_once(':').map(|(host, port)| (host.trim_matches(['[', ']']), port.parse::<u16>()));
        match parts {
            Some((host, Ok(1..))) if !host.is_empty() && !host.contains(['/', ' ']) => Ok(text.clone()),
            _ => Err(self.fault(&address.span(), "commit_to must be host:port, such as 10.1.2.3:11112")),
        }
    }

    /// The entries of a list, which says nothing when it is empty.
    fn list<'l>(&self, key: &str, list: &'l Spanned<Vec<String>>) -> Result<&'l [String], Fault> {
        let entries = list.get_ref();
        if (1..=LIST_MAX).contains(&entries.len()) {
            return Ok(entries);
        }
        Err(self.fault(
            &list.span(),
            format!("{key} must have 1 to {LIST_MAX} entries; leave it out to allow any"),
        ))
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?.to_canonical())))
}

fn certificate(text: &str) -> Option<Certificate> {
    let digits: String = text.chars().filter(|char| *char != ':').collect();
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Certificate(bytes))
}
