//! One target: its own table in the file, whatever its protocol.

use std::collections::BTreeSet;
use std::time::Duration;

use hilum_events::{DeliveryTarget, Site};
use hilum_forms::{Format, Language};
use serde::Deserialize;

use super::site_filter::SiteFilter;
use crate::protocol::{Protocol, Settings};

/// A target is asked again after this at the latest, ±30 %.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Tries of one delivery before it is given up, unless the target says otherwise: waits double up to the longest, so that these take more than 24 hours.
pub(super) const TRIES: usize = 450;
const TRIES_MAX: usize = 10_000;
/// Seconds that a target may take to answer, unless it says otherwise.
const TIMEOUT_S: u64 = 30;
const TIMEOUT_S_MAX: u64 = 600;
/// Name of the consumer that evaluates rules. It is made like that of a target, so that no target can have it.
pub(crate) const TRIAGE: &str = "triage";

/// Where reports and flags go.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: DeliveryTarget,
    /// The sites whose studies it takes.
    pub sites: SiteFilter,
    /// The forms of a report that it is given; none when it takes only flags.
    pub forms: Vec<Format>,
    /// The language of forms for people.
    pub language: Language,
    /// Tries of one delivery before it is given up, 1 to 10,000.
    pub tries: usize,
    /// How long it may take to answer, 1 s to 600 s.
    pub timeout: Duration,
    /// How it is reached.
    pub protocol: Protocol,
}

/// The keys of every target; those of its protocol stand beside them.
#[derive(Deserialize)]
struct Keys {
    sites: Option<Vec<Site>>,
    forms: Option<Vec<Format>>,
    language: Option<String>,
    tries: Option<usize>,
    timeout_s: Option<u64>,
    #[serde(flatten)]
    protocol: Protocol,
}

/// All keys of [`Keys`], and the one that names the protocol.
const COMMON: &str = "kind, sites, forms, language, tries, timeout_s";

impl Target {
    /// A target with the usual settings: it takes the usual form of its protocol from every site.
    pub fn new(name: DeliveryTarget, protocol: Protocol) -> Self {
        Self {
            name,
            sites: SiteFilter::All,
            forms: usual(protocol.settings()),
            language: Language::default(),
            tries: TRIES,
            timeout: Duration::from_secs(TIMEOUT_S),
            protocol,
        }
    }

    /// Reads the table of a target, and the secrets that it names.
    pub(super) fn read(name: &str, table: toml::Table) -> Result<Self, String> {
        let target: DeliveryTarget = name.parse().map_err(|error| format!("{error}"))?;
        if name == TRIAGE {
            return Err("this name is taken by Hilum itself; choose another".to_owned());
        }
        let kind = phrase(table.get("kind").and_then(toml::Value::as_str).unwrap_or_default());
        let keys: Keys =
            table.try_into().map_err(|error: toml::de::Error| sentence(&kind, error.message()))?;
        let settings = keys.protocol.settings();
        let forms = forms(&kind, settings, keys.forms)?;
        check_patient_id(settings, &forms)?;
        let timeout_s = within("timeout_s", keys.timeout_s.unwrap_or(TIMEOUT_S), 1..=TIMEOUT_S_MAX)?;
        Ok(Self {
            sites: SiteFilter::read(keys.sites)?,
            language: language(keys.language.as_deref(), &forms)?,
            forms,
            tries: within("tries", keys.tries.unwrap_or(TRIES), 1..=TRIES_MAX)?,
            timeout: Duration::from_secs(timeout_s),
            ..Self::new(target, keys.protocol)
        })
    }
}

/// A kind in a sentence.
fn phrase(kind: &str) -> String {
    match kind {
        "webhook" => "a webhook".to_owned(),
        "hl7" | "s3" => format!("an {kind} target"),
        _ => format!("a {kind} target"),
    }
}

/// What is wrong with the keys. Of a key that the protocol does not have serde names only the keys of the protocol.
fn sentence(kind: &str, error: &str) -> String {
    let Some(unknown) = error.strip_prefix("unknown field `") else { return error.to_owned() };
    // The names stand between backticks.
    let mut names = unknown.split('`').step_by(2);
    let key = names.next().unwrap_or_default();
    let own: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    format!("{kind} has no key `{key}`; its keys are {COMMON}, {}", own.join(", "))
}

fn usual(settings: &dyn Settings) -> Vec<Format> {
    settings.forms().first().copied().into_iter().collect()
}

/// The forms that a target is given. The usual one of its protocol, unless it says otherwise.
fn forms(kind: &str, settings: &dyn Settings, given: Option<Vec<Format>>) -> Result<Vec<Format>, String> {
    let Some(forms) = given else { return Ok(usual(settings)) };
    if forms.is_empty() && !settings.takes_flags() {
        return Err("`forms` is empty; name some, or leave it out for the usual ones".to_owned());
    }
    if let Some(form) = forms.iter().find(|form| !settings.forms().contains(form)) {
        let may: Vec<_> = settings.forms().iter().map(|form| form.name()).collect();
        return Err(format!("{kind} does not take the form {}; it takes {}", form.name(), may.join(", ")));
    }
    if forms.iter().collect::<BTreeSet<_>>().len() < forms.len() {
        return Err("`forms` names one twice".to_owned());
    }
    Ok(forms)
}

/// An id is asked for only where something names a patient: DICOM objects, and messages that do.
fn check_patient_id(settings: &dyn Settings, forms: &[Format]) -> Result<(), String> {
    let names_patient = forms.iter().any(|form| form.names_patient()) || settings.message().names_patient;
    if settings.requires_patient_id() && !names_patient {
        return Err(
            "`require_patient_id` is true, and nothing that it is given names a patient; leave it out"
                .to_owned(),
        );
    }
    Ok(())
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
