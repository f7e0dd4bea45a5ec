//! What the file of targets says: where reports go, and which rules flag studies. Read and checked once at start; what
//! is wrong is told with the target or rule it belongs to.

mod address;
mod keys;
mod message;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::{DeliveryTarget, Site};
use serde::Deserialize;

use hilum_forms::{Format, Language, Message};

pub use address::Address;
pub use rules::Rule;

/// A target is asked again after this at the latest, ±30 %.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Tries of one delivery before it is given up: waits double up to the longest, so that these take more than 24 hours.
const TRIES: usize = 450;
const TRIES_MAX: usize = 10_000;
/// Seconds that a target may take to answer.
const TIMEOUT_S: u64 = 30;
const TIMEOUT_S_MAX: u64 = 600;
/// The name of the consumer that evaluates rules is made like that of a target.
pub(crate) const TRIAGE: &str = "triage";

/// All targets and rules; none by default.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Where reports and flags go, by name.
    pub targets: Vec<Target>,
    /// What flags studies.
    pub rules: Vec<Rule>,
}

/// Where reports and flags go.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: DeliveryTarget,
    /// Whose studies it takes.
    pub sites: Sites,
    /// What is made of a report for it; none when it takes only flags.
    pub forms: Vec<Format>,
    /// In which language forms for people are given.
    pub language: Language,
    /// What HL7 messages say besides the report.
    pub message: Message,
    /// Tries of one delivery before it is given up, 1 to 10,000.
    pub tries: usize,
    /// How long it may take to answer, 1 s to 600 s.
    pub timeout: Duration,
    /// Whether an older revision of a report is not sent any more once a newer one was delivered.
    pub is_newest_only: bool,
    /// Whether it takes nothing of a patient without an id, rather than under one of ours.
    pub requires_patient_id: bool,
    /// How it is reached.
    pub address: Address,
}

/// Some sites, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sites {
    /// Every site.
    All,
    /// These, one at least.
    Only(BTreeSet<Site>),
}

impl Sites {
    /// Whether `site` is one of them.
    pub fn has(&self, site: &Site) -> bool {
        match self {
            Self::All => true,
            Self::Only(sites) => sites.contains(site),
        }
    }

    /// Whether these are all of `others`, or more.
    fn cover(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(sites), Self::Only(others)) => others.is_subset(sites),
        }
    }

    fn read(sites: Option<Vec<Site>>) -> Result<Self, String> {
        match sites {
            None => Ok(Self::All),
            Some(sites) if sites.is_empty() => {
                Err("`sites` is empty; name some, or leave it out for all".to_owned())
            }
            Some(sites) => Ok(Self::Only(sites.into_iter().collect())),
        }
    }
}

/// The file of targets can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// It can't be read.
    #[error("cannot read the file of targets {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or has a table that it must not have.
    #[error("the file of targets is not as docs/delivery.md says")]
    Syntax(#[source] Box<toml::de::Error>),
    /// Something is wrong with a target.
    #[error("target {name}: {what}")]
    Target {
        /// Which.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// Something is wrong with a rule.
    #[error("rule {name}: {what}")]
    Rule {
        /// Which.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    target: BTreeMap<String, toml::Table>,
    #[serde(default)]
    rule: Vec<toml::Table>,
}

impl Targets {
    /// Reads the file at `path`, and the secrets that it names.
    ///
    /// # Errors
    /// Says which target or rule is wrong, what is wrong about it, and what to do.
    pub fn read(path: &Path) -> Result<Self, TargetsError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| TargetsError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads the text of such a file, and the secrets that it names.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, TargetsError> {
        let file: File = toml::from_str(text).map_err(|error| TargetsError::Syntax(Box::new(error)))?;
        let targets = file.target.into_iter().map(|(name, table)| {
            Target::read(&name, table).map_err(|what| TargetsError::Target { name, what })
        });
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        let rules = rules::read(file.rule, &targets)?;
        Ok(Self { targets, rules })
    }
}

impl Target {
    fn read(name: &str, table: toml::Table) -> Result<Self, String> {
        let target: DeliveryTarget = name.parse().map_err(|error| format!("{error}"))?;
        if name == TRIAGE {
            return Err("this name is taken by Hilum itself; choose another".to_owned());
        }
        let keys = keys::read(table)?;
        let forms = forms(&keys)?;
        Ok(Self {
            name: target,
            sites: Sites::read(keys.sites.clone())?,
            language: language(keys.language.as_deref(), &forms)?,
            message: message::read(&keys)?,
            requires_patient_id: requires_patient_id(&keys, &forms)?,
            forms,
            tries: within("tries", keys.tries.unwrap_or(TRIES), 1..=TRIES_MAX)?,
            timeout: Duration::from_secs(within(
                "timeout_s",
                keys.timeout_s.unwrap_or(TIMEOUT_S),
                1..=TIMEOUT_S_MAX,
            )?),
            is_newest_only: keys.kind.has_revisions() && !keys.every_revision.unwrap_or(false),
            address: Address::read(keys)?,
        })
    }
}

/// The forms that a target is given. The usual ones of its kind, unless it says otherwise.
fn forms(keys: &keys::Keys) -> Result<Vec<Format>, String> {
    let kind = keys.kind;
    let forms = match &keys.forms {
        Some(forms) if forms.is_empty() && kind != keys::Kind::Webhook => {
            return Err("`forms` is empty; name some, or leave it out for the usual ones".to_owned());
        }
        Some(forms) => forms.clone(),
        None => vec![kind.usual_form()],
    };
    let names = |forms: &[Format]| forms.iter().map(|form| form.name()).collect::<Vec<_>>().join(", ");
    for form in &forms {
        if !kind.forms().contains(form) {
            let may = names(kind.forms());
            return Err(format!("{} does not take the form {}; it takes {may}", kind.phrase(), form.name()));
        }
    }
    if forms.iter().collect::<BTreeSet<_>>().len() < forms.len() {
        return Err("`forms` names one twice".to_owned());
    }
    Ok(forms)
}

/// It is asked for only where something names a patient: DICOM objects, and messages that do.
fn requires_patient_id(keys: &keys::Keys, forms: &[Format]) -> Result<bool, String> {
    let is_asked = keys.require_patient_id.unwrap_or(false);
    let names_patient = forms.iter().any(|form| form.names_patient()) || keys.name_patient.unwrap_or(false);
    if is_asked && !names_patient {
        return Err(
            "`require_patient_id` is true, and nothing that it is given names a patient; leave it out"
                .to_owned(),
        );
    }
    Ok(is_asked)
}

/// The language of the forms that have one.
fn language(tag: Option<&str>, forms: &[Format]) -> Result<Language, String> {
    let Some(tag) = tag else { return Ok(Language::default()) };
    if !forms.iter().any(|form| form.has_languages()) {
        return Err("`language` is given and none of its forms is for people; leave it out".to_owned());
    }
    Language::from_tag(tag).ok_or_else(|| {
        let all = Language::ALL.map(Language::tag).join(", ");
        format!("`language` is {tag:?}; it must be one of {all}")
    })
}

fn within<N: PartialOrd + std::fmt::Display + Copy>(
    key: &str,
    number: N,
    range: std::ops::RangeInclusive<N>,
) -> Result<N, String> {
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("`{key}` is {number}; it must be from {} to {}", range.start(), range.end()))
}
