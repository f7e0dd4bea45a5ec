//! What an error and its causes say: as a list, and as one sentence for readiness, logs and answers.

use std::error::Error;

/// The texts of the error and of its causes, outermost first.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

/// The error and its causes in one sentence. What a text says already is not said again: some libraries repeat their cause in
/// their own text.
pub fn with_causes(error: &dyn Error) -> String {
    let mut texts = causes(error).into_iter();
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|cause| &**cause as _)
        }
    }

    #[test]
    fn a_cause_that_is_repeated_is_said_once_in_the_sentence_and_kept_in_the_list() {
        let refused = Layer("refused", Some(Box::new(Layer("port 4222 is closed", None))));
        let error = Layer("cannot connect: refused", Some(Box::new(refused)));
        assert_eq!(with_causes(&error), "cannot connect: refused: port 4222 is closed");
        assert_eq!(causes(&error), ["cannot connect: refused", "refused", "port 4222 is closed"]);
    }
}
