//! The token that a sender has, where a door asks for one. It stands in a file, and is compared by its hash, so that how long that takes
//! tells nothing.

use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hilum_events::Sha256Digest;

/// Shorter ones can be guessed.
const LEAST_BYTES: usize = 16;
const MOST_BYTES: usize = 4096;

/// The hash of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(Sha256Digest);

/// The token can't be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read.
    #[error("cannot read the token in {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What stands there is no token.
    #[error("the token in {path} must be one line of 16 to 4096 printable characters without spaces")]
    Unfit {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads the token in a file, without the white space around it.
    ///
    /// # Errors
    /// When the file can't be read or holds no token.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| TokenError::File { path: path.to_owned(), source })?;
        Self::of(text.trim()).ok_or_else(|| TokenError::Unfit { path: path.to_owned() })
    }

    fn of(text: &str) -> Option<Self> {
        let is_fit = (LEAST_BYTES..=MOST_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_fit.then(|| Self(Sha256Digest::of(text.as_bytes())))
    }

    /// Whether a request has it: as a bearer, or as the password of anybody, which is all that SNS can send.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, rest)) = said.and_then(|said| said.split_once(' ')) else { return false };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Sha256Digest::of(rest.as_bytes()) == self.0;
        }
        let decoded = STANDARD.decode(rest).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
        let password = decoded.as_deref().and_then(|pair| {
            let colon = pair.iter().position(|byte| *byte == b':')?;
            pair.get(colon + 1..)
        });
        password.is_some_and(|password| Sha256Digest::of(password) == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "open-sesame-open-sesame";

    #[test]
    fn a_token_comes_as_a_bearer_or_as_a_password() {
        let token = Token::of(TEXT).unwrap();
        let is_in = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            token.is_in(&headers)
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(is_in(&format!("Bearer {TEXT}")) && is_in(&format!("bearer  {TEXT} ")));
        assert!(is_in(&basic(&format!("sns:{TEXT}"))));
        for wrong in [
            "Bearer",
            "Bearer ",
            TEXT,
            "Bearer open-sesame-open-sesamE",
            "Basic !",
            &basic(TEXT),
            &basic("a:b"),
        ] {
            assert!(!is_in(wrong), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_long_and_one_word() {
        for bad in ["", "short", "two words of some length", "ä-open-sesame-open-sesame", &"x".repeat(4097)]
        {
            assert!(Token::of(bad).is_none(), "{bad}");
        }
        assert!(Token::read(Path::new("/no/such/file")).is_err());
    }
}
