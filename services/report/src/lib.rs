//! Gathers the readings of a study and issues its report. It folds the whole log into memory, so it can be
//! stopped at any moment and run in any number of copies; it keeps nothing that the log does not say.

mod compose;
mod config;
mod domain;
mod facts;
mod fold;
mod health;
mod issue;
mod issue_error;
mod patient_headers;
mod previews;
mod recent;
mod setbacks;
mod shell;
mod studies;

pub use compose::ComposeError;
pub use config::Config;
pub use previews::Previewer;
pub use shell::{Pace, Reporter, RunError};
pub use studies::{DueReport, Studies};
