//! An error as a program's last words.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use hilum_causes::causes;

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
    let causes = causes(error);
    if causes.len() > 1 {
        words.push_str("\nCaused by:\n");
    }
    for cause in &causes[1..] {
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
