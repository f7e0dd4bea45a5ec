//! The triage rules of the file.

use std::collections::BTreeSet;

use hilum_events::{DeliveryTarget, FlagAction, Measure, RuleName, Site};
use serde::Deserialize;

use super::error::TargetsError;
use super::site_filter::SiteFilter;
use super::target::Target;

/// A triage rule: flags a study when a reading of one of its images has a finding at the threshold or above.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: RuleName,
    /// The sites whose studies it looks at.
    pub sites: SiteFilter,
    /// The model's name for the finding.
    pub label: String,
    /// The number of the finding that is compared.
    pub measure: Measure,
    /// It matches at this value and above, 0 to 1.
    pub threshold: f32,
    /// The actions that it wants, one at least.
    pub actions: Vec<FlagAction>,
    /// The webhooks that are notified, when `actions` has [`FlagAction::Notify`].
    pub targets: Vec<DeliveryTarget>,
    /// Whether it looks at readings of an untrained model, too, and flags them as such.
    pub demonstration: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: RuleName,
    label: String,
    measure: Measure,
    threshold: f32,
    actions: Vec<Action>,
    #[serde(default)]
    targets: Vec<DeliveryTarget>,
    sites: Option<Vec<Site>>,
    #[serde(default)]
    demonstration: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    RaisePriority,
    Notify,
    Worklist,
}

/// Reads all rules; they may name each of `targets` that is a webhook.
pub(super) fn read(tables: Vec<toml::Table>, targets: &[Target]) -> Result<Vec<Rule>, TargetsError> {
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for (number, table) in (1..).zip(tables) {
        let named = table.get("name").and_then(toml::Value::as_str).map(str::to_owned);
        let name = named.unwrap_or_else(|| format!("number {number}"));
        let rule = read_one(table, targets);
        let wrong = |what| TargetsError::Rule { name: name.clone(), what };
        let rule = rule.map_err(wrong)?;
        if !names.insert(rule.name.clone()) {
            return Err(wrong("two rules have this name; give each its own".to_owned()));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn read_one(table: toml::Table, targets: &[Target]) -> Result<Rule, String> {
    let keys: Keys = table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let actions: BTreeSet<Action> = keys.actions.iter().copied().collect();
    if keys.label.trim().is_empty() {
        return Err("`label` is empty; name a label of the model".to_owned());
    }
    if !(0.0..=1.0).contains(&keys.threshold) {
        return Err(format!("`threshold` is {}; it must be from 0 to 1", keys.threshold));
    }
    if actions.is_empty() {
        return Err("`actions` is empty; it takes raise-priority, notify, worklist".to_owned());
    }
    let rule = Rule {
        name: keys.name,
        sites: SiteFilter::read(keys.sites)?,
        label: keys.label,
        measure: keys.measure,
        threshold: keys.threshold,
        actions: actions.into_iter().map(Action::flag_action).collect(),
        targets: keys.targets,
        demonstration: keys.demonstration,
    };
    check_targets(&rule, targets)?;
    Ok(rule)
}

fn check_targets(rule: &Rule, targets: &[Target]) -> Result<(), String> {
    match (rule.actions.contains(&FlagAction::Notify), rule.targets.is_empty()) {
        (true, true) => return Err("`notify` needs `targets`: the webhooks that are told".to_owned()),
        (false, false) => return Err("`targets` are told only with the action `notify`".to_owned()),
        _ => {}
    }
    for name in &rule.targets {
        let target = targets.iter().find(|target| target.name == *name);
        let target = target.ok_or_else(|| format!("there is no target {name}"))?;
        if !target.protocol.settings().takes_flags() {
            return Err(format!("target {name} is no webhook; only webhooks are told of flags"));
        }
        if !target.sites.cover(&rule.sites) {
            return Err(format!("target {name} does not take the studies of all sites of this rule"));
        }
    }
    Ok(())
}

impl Action {
    fn flag_action(self) -> FlagAction {
        match self {
            Self::RaisePriority => FlagAction::RaisePriority,
            Self::Notify => FlagAction::Notify,
            Self::Worklist => FlagAction::Worklist,
        }
    }
}
