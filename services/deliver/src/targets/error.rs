//! What is wrong with a file of targets.

use std::path::PathBuf;

/// Why the file of targets can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// It can't be read.
    #[error("cannot read the file of targets {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// It is no TOML, or has a table that it must not have.
    #[error("the file of targets is not as docs/delivery.md says")]
    Syntax(#[source] Box<toml::de::Error>),
    /// Something is wrong with a target.
    #[error("target {name}: {what}")]
    Target {
        /// Its name as it is written.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// Something is wrong with a rule.
    #[error("rule {name}: {what}")]
    Rule {
        /// Its name as it is written, or its number.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
}
