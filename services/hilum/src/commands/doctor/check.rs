//! What one look came to: a line of the examination.

use serde::Serialize;

/// One line of the examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// The thing that was looked at, in a word or two.
    pub(super) what: String,
    /// It is as it should be.
    pub(super) ok: bool,
    /// What was seen.
    pub(super) seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_do: Option<String>,
}

impl Check {
    /// All is well.
    pub(super) fn good(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, seen: seen.into(), to_do: None }
    }

    /// Something is wrong, and this is what to do.
    pub(super) fn bad(what: impl Into<String>, seen: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { what: what.into(), ok: false, seen: seen.into(), to_do: Some(to_do.into()) }
    }

    /// It works, and somebody has to look at something.
    pub(super) fn warning(
        what: impl Into<String>,
        seen: impl Into<String>,
        to_do: impl Into<String>,
    ) -> Self {
        Self { ok: true, ..Self::bad(what, seen, to_do) }
    }

    /// In one word, for the table.
    pub(super) fn state(&self) -> &'static str {
        match (self.ok, &self.to_do) {
            (true, None) => "ok",
            (true, Some(_)) => "warning",
            (false, _) => "WRONG",
        }
    }
}
