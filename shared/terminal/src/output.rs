//! What people and programs see: text and tables, or with `--json` one object per line. The only file that writes to the
//! terminal.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use hilum_runtime::with_causes;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

/// Columns of a table that goes to a file or a pipe.
const PLAIN_WIDTH: u16 = 150;
/// Ids and times are no longer than this, and of use only when they can be copied as a whole.
const WHOLE_WIDTH: u16 = 36;
/// What a column of sentences needs at least to be read.
const SENTENCE_WIDTH: u16 = 24;

/// Where a command's answer goes. A closed pipe is not an error: nobody wants to read on.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or one JSON object per line.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads along.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// A line for people.
    pub fn say(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// A line for people beside the answer: what goes on, what to know.
    pub fn note(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// An object for programs.
    pub fn object(self, value: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(value)
        {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// Bytes as they are, for `-o -`.
    pub fn bytes(self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// A table for people.
    pub fn table(self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
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
        keep_ids_whole(&mut table);
        self.say(table);
    }

    /// A progress bar on a terminal, nothing elsewhere.
    pub fn progress(self, length: usize, what: &'static str) -> ProgressBar {
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
    pub fn failure(self, error: &dyn Error) -> ExitCode {
        let text = with_causes(error);
        if self.json {
            let _ = writeln!(io::stderr(), "{}", json!({ "level": "ERROR", "error": text }));
        } else {
            let _ = writeln!(io::stderr(), "error: {text}");
        }
        ExitCode::FAILURE
    }
}

/// Lets columns of ids and times not break, where the width leaves room for the others.
fn keep_ids_whole(table: &mut Table) {
    let widths = table.column_max_content_widths();
    let least: u16 =
        widths.iter().map(|width| 3 + if *width > WHOLE_WIDTH { SENTENCE_WIDTH } else { *width }).sum();
    if table.width().is_some_and(|width| least < width) {
        for (column, width) in table.column_iter_mut().zip(widths) {
            if width <= WHOLE_WIDTH {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: u16) -> String {
        let mut table = Table::new();
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.add_row(["01a1fc24-3215-72fb-b898-9244ea6d96a5", &"a long sentence ".repeat(20)]);
        keep_ids_whole(&mut table);
        table.to_string()
    }

    #[test]
    fn an_id_is_not_broken_unless_the_terminal_is_narrow() {
        let whole = "01a1fc24-3215-72fb-b898-9244ea6d96a5";
        assert!(shown(80).contains(whole));
        assert!(!shown(40).contains(whole));
    }
}
