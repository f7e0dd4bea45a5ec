//! Secrets: they stand in an environment variable or a file that the settings name, never in the settings.

use std::fmt;
use std::path::{Path, PathBuf};

/// Longest secret that is read, bytes.
const MAX_BYTES: usize = 4096;

/// A secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// The file that it was read from.
    file: Option<PathBuf>,
}

/// Why a secret can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable {name} is not set; put the secret there")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file can't be read.
    #[error("cannot read the secret in {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// What was found can't be a secret.
    #[error(
        "the secret in {place} is empty, longer than 4096 bytes, or not one line of printable characters"
    )]
    Unfit {
        /// Where it was found.
        place: String,
    },
}

impl Secret {
    /// Takes a secret as it was found in `place`, without the white space around it.
    ///
    /// # Errors
    /// When it is empty, too long, or not one line.
    pub fn new(text: &str, place: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return Err(SecretError::Unfit { place: place.to_owned() });
        }
        Ok(Self { text: text.to_owned(), file: None })
    }

    /// Reads it from the environment variable `name`.
    ///
    /// # Errors
    /// When it is not set or can't be a secret.
    pub fn from_variable(name: &str) -> Result<Self, SecretError> {
        let text = std::env::var(name).map_err(|_| SecretError::NoVariable { name: name.to_owned() })?;
        Self::new(&text, name)
    }

    /// Reads it from a file.
    ///
    /// # Errors
    /// When it can't be read or can't be a secret.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let file = |source| SecretError::File { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(file)?;
        let secret = Self::new(&text, &path.display().to_string())?;
        Ok(Self { file: Some(path.to_owned()), ..secret })
    }

    /// The secret as it is now: one in a file may have been changed. While the file can't be used, as in the middle of a
    /// change, it is the one that was read at start.
    pub(crate) async fn renewed(&self) -> Self {
        let Some(file) = self.file.clone() else { return self.clone() };
        match tokio::task::spawn_blocking(move || Self::from_file(&file)).await {
            Ok(Ok(renewed)) => renewed,
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "using the secret that was read at start"
                );
                self.clone()
            }
            Err(_) => self.clone(),
        }
    }

    /// Whether it may change while we run.
    pub(crate) fn may_change(&self) -> bool {
        self.file.is_some()
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_and_does_not_show_itself() {
        let secret = Secret::new(" open sesame\n", "X").unwrap();
        assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), ("open sesame", "Secret(…)"));
        for bad in ["", " \n", "two\nlines", &"x".repeat(MAX_BYTES + 1)] {
            assert!(Secret::new(bad, "X").is_err());
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let error = Secret::from_variable("HILUM_TEST_NO_SUCH_SECRET").unwrap_err();
        assert!(error.to_string().contains("HILUM_TEST_NO_SUCH_SECRET"), "{error}");
        assert!(matches!(Secret::from_file(Path::new("/no/such/file")), Err(SecretError::File { .. })));
    }
}
