//! Where the outcome of a measurement goes.

use std::path::PathBuf;

use hilum_terminal::Output;
use serde_json::Value;

use crate::error::Error;

/// The terminal, and a file if one was named.
#[derive(Debug, Clone)]
pub(crate) struct ResultWriter {
    pub(crate) output: Output,
    pub(crate) save: Option<PathBuf>,
}

impl ResultWriter {
    /// The whole outcome as one object, besides what was shown of it to people.
    pub(crate) fn object(&self, outcome: &Value) -> Result<(), Error> {
        self.output.object(outcome);
        let Some(file) = &self.save else { return Ok(()) };
        std::fs::write(file, format!("{outcome:#}\n")).map_err(Error::file("write", file))
    }
}
