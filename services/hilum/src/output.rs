//! What people and programs see: text and tables, or with `--json` one object per line. The only file that
//! writes to the terminal.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

/// Columns of a table that goes to a file or a pipe.
const PLAIN_WIDTH: u16 = 150;

/// Where a command's answer goes. A closed pipe is not an error: nobody wants to read on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Text, or one JSON object per line.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads along.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A line for people.
    pub(crate) fn say(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// A line for people beside the answer: what goes on, what to know.
    pub(crate) fn note(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// An object for programs.
    pub(crate) fn object(self, value: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(value)
        {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// Bytes as they are, for `-o -`.
    pub(crate) fn bytes(self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// A table for people.
    pub(crate) fn table(self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if !io::stdout().is_terminal() {
            table.set_width(PLAIN_WIDTH);
        }
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row);
        }
        self.say(table);
    }

    /// A progress bar on a terminal, nothing elsewhere.
    pub(crate) fn progress(self, length: usize, what: &'static str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length as u64);
        if let Ok(style) = ProgressStyle::with_template("{msg:>10} [{bar:30}] {pos}/{len}  {elapsed}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Says what went wrong, with its causes, and gives the exit code for it.
    pub(crate) fn failure(self, error: &dyn Error) -> ExitCode {
        let text = with_causes(error);
        if self.json {
            let _ = writeln!(io::stderr(), "{}", json!({ "level": "ERROR", "error": text }));
        } else {
            let _ = writeln!(io::stderr(), "error: {text}");
        }
        ExitCode::FAILURE
    }
}

/// The error and its causes in one sentence.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
