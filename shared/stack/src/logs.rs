//! The supervisor's own log, and what a log says last.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use hilum_servers::tail;
use tracing_subscriber::EnvFilter;

use crate::error::Error;

/// Writes this process's log as JSON lines to `path`, from now on.
pub(crate) fn to_file(path: &Path) -> Result<(), Error> {
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::file("open", path))?;
    let filter = EnvFilter::try_from_env("HILUM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false);
    // A second call in one process changes nothing.
    let _ = lines.with_env_filter(filter).with_writer(Arc::new(file)).try_init();
    Ok(())
}

/// What a program said last: its error without the backtrace if there is one, else the last lines.
pub(crate) fn last_words(path: &Path) -> String {
    error_report(path, 0).unwrap_or_else(|| tail(path, 0, 5))
}

/// The error that a program wrote as it ended, behind byte `from` of its log; without the backtrace.
pub(crate) fn error_report(path: &Path, from: u64) -> Option<String> {
    let text = tail(path, from, usize::MAX);
    let start =
        text.rfind("\nError: ").map(|at| at + 1).or_else(|| text.starts_with("Error: ").then_some(0))?;
    Some(without_backtrace(&text[start..]).to_owned())
}

fn without_backtrace(report: &str) -> &str {
    let end = report.find("\nStack backtrace:").unwrap_or(report.len());
    report[..end].trim_end()
}

/// An error report in one sentence: its first line without the word that begins it, and the causes.
pub(crate) fn told(report: &str) -> String {
    let lines = without_backtrace(report)
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "Caused by:");
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix("Error: ").unwrap_or(line)).collect();
    lines.join(": ")
}

/// The error that a background process wrote as its last line.
pub(crate) fn last_error(path: &Path, from: u64) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(&tail(path, from, 1)).ok()?;
    Some(line["error"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_program_are_its_error() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("a.jsonl");
        let ended = "{\"level\":\"INFO\"}\nError: cannot open\n\nCaused by:\n    no such file\n";
        std::fs::write(&log, format!("{ended}\nStack backtrace:\n   0: main\n   1: _start\n")).unwrap();
        assert_eq!(last_words(&log), "Error: cannot open\n\nCaused by:\n    no such file");
        std::fs::write(&log, "{\"level\":\"INFO\"}\nkilled\n").unwrap();
        assert_eq!(last_words(&log), "{\"level\":\"INFO\"}\nkilled");
    }

    #[test]
    fn a_report_becomes_a_sentence() {
        let report = "Error: cannot read the file\n\nCaused by:\n    No such file\n";
        assert_eq!(told(report), "cannot read the file: No such file");
        assert_eq!(told(&format!("{report}\nStack backtrace:\n   0: main\n")), told(report));
    }

    #[test]
    fn the_last_line_of_a_failed_start_is_its_error() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("a.jsonl");
        std::fs::write(&log, "{\"level\":\"INFO\"}\n{\"level\":\"ERROR\",\"error\":\"no port\"}\n").unwrap();
        assert_eq!(last_error(&log, 0).as_deref(), Some("no port"));
        std::fs::write(&log, "thread panicked\n").unwrap();
        assert_eq!(last_error(&log, 0), None);
    }

    #[test]
    fn the_tail_begins_where_this_run_began() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("a.log");
        std::fs::write(&log, "old\none\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&log, 4, 10), "one\ntwo\nthree");
        assert_eq!(tail(&log, 4, 2), "two\nthree");
        assert_eq!(tail(&log, 18, 2), "(empty)");
        assert_eq!(tail(&place.path().join("none"), 0, 2), "(empty)");
    }
}
