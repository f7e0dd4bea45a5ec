//! Errors as one sentence, for readiness, logs and answers, and as a program's last words.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

/// The error and its causes in one sentence.
pub fn with_causes(error: &dyn Error) -> String {
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

/// What a program ends with. An error is told on standard error with its causes and nothing else: a backtrace, which
/// whoever sets `RUST_BACKTRACE` means for panics, says nothing to an operator.
pub fn exit_code<E: AsRef<dyn Error>>(outcome: Result<ExitCode, E>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprint!("{}", last_words(error.as_ref()));
        ExitCode::FAILURE
    })
}

fn last_words(error: &dyn Error) -> String {
    let mut words = format!("Error: {error}\n");
    let causes: Vec<_> = std::iter::successors(error.source(), |&cause| cause.source()).collect();
    if !causes.is_empty() {
        words.push_str("\nCaused by:\n");
    }
    for cause in causes {
        // Never refused by a string.
        let _ = writeln!(words, "    {cause}");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn last_words_are_the_error_and_its_causes() {
        let error = Told("cannot open", Some(Box::new(Told("no such file", None))));
        assert_eq!(last_words(&error), "Error: cannot open\n\nCaused by:\n    no such file\n");
        assert_eq!(last_words(&Told("broken", None)), "Error: broken\n");
    }
}
