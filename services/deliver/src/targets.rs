//! What the file of targets says: where reports go, and which rules flag studies. Read and checked once at start; what
//! is wrong is told with the target or rule it belongs to.

mod error;
mod rules;
mod site_filter;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub use error::TargetsError;
pub use rules::Rule;
pub use site_filter::SiteFilter;
pub use target::Target;
pub(crate) use target::{LONGEST_WAIT, TRIAGE};

/// All targets and rules; none by default.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Where reports and flags go, by name.
    pub targets: Vec<Target>,
    /// The triage rules.
    pub rules: Vec<Rule>,
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
    /// When something is wrong with a target or rule: the error says with which, what, and what to do.
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
