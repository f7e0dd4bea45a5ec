//! Who is there: the one place that decides it. Told what a request shows of itself, it says as whom the door takes it. The file of
//! senders is read and checked once at start; every fault names its line. Pure but for reading files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::HeaderMap;
use hilum_events::{Priority, Site};
use hilum_intake::{Token, TokenError};
use serde::Deserialize;
use toml::Spanned;

pub use hilum_sites::Fault;

/// Most senders of a file.
const SENDERS_MAX: usize = 1000;

/// As whom a request is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The name that the operator has for it; `None` where anybody may send.
    pub(crate) name: Option<String>,
    /// Whose images it sends.
    pub(crate) site: Site,
    /// How soon they are wanted.
    pub(crate) priority: Priority,
}

/// Who may send.
#[derive(Debug)]
pub struct Callers(Known);

#[derive(Debug)]
enum Known {
    /// Anybody, as this one.
    Anybody(Arc<Sender>),
    /// Whoever has one of these tokens.
    ByToken(Vec<(Token, Arc<Sender>)>),
}

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// It can't be read.
    #[error("cannot read the senders of DICOMweb from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has a fault.
    #[error("the senders of DICOMweb in {path} can't be used")]
    Content {
        /// The file.
        path: PathBuf,
        /// Which.
        source: Fault,
    },
    /// A token can't be had.
    #[error("the sender {name} has no token")]
    Token {
        /// The sender.
        name: String,
        /// Why.
        source: TokenError,
    },
    /// Two senders could not be told apart.
    #[error("the senders {0} and {1} have the same token; give each its own")]
    SameToken(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sender: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    token_file: PathBuf,
    site: Option<Site>,
    priority: Option<Priority>,
}

impl Callers {
    /// Those of the file; without one anybody, whose images are of `site`.
    ///
    /// # Errors
    /// When a file can't be read or has a fault.
    pub fn read(path: Option<&Path>, site: &Site) -> Result<Self, CallersError> {
        let Some(path) = path else {
            let anybody = Sender { name: None, site: site.clone(), priority: Priority::default() };
            return Ok(Self(Known::Anybody(Arc::new(anybody))));
        };
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| CallersError::Read { path: path.to_owned(), source })?;
        let tables = parse(&text);
        let tables = tables.map_err(|source| CallersError::Content { path: path.to_owned(), source })?;
        let mut known: Vec<(Token, Arc<Sender>)> = Vec::new();
        for Table { name, token_file, site, priority } in tables {
            let name = name.into_inner();
            // As seen from the file that names it.
            let token_file = path.parent().unwrap_or(Path::new("")).join(token_file);
            let token = Token::read(&token_file);
            let token = token.map_err(|source| CallersError::Token { name: name.clone(), source })?;
            if let Some((_, other)) = known.iter().find(|(other, _)| *other == token) {
                let other = other.name.clone().unwrap_or_default();
                return Err(CallersError::SameToken(other, name));
            }
            let (site, priority) = (site.unwrap_or_default(), priority.unwrap_or_default());
            known.push((token, Arc::new(Sender { name: Some(name), site, priority })));
        }
        Ok(Self(Known::ByToken(known)))
    }

    /// Who it is, by the headers of its request; `None` for a stranger.
    pub(crate) fn recognise(&self, headers: &HeaderMap) -> Option<Arc<Sender>> {
        match &self.0 {
            Known::Anybody(sender) => Some(sender.clone()),
            Known::ByToken(known) => {
                known.iter().find(|(token, _)| token.is_in(headers)).map(|(_, sender)| sender.clone())
            }
        }
    }
}

fn parse(text: &str) -> Result<Vec<Table>, Fault> {
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        Fault::at(text, &span, error.message())
    })?;
    if !(1..=SENDERS_MAX).contains(&file.sender.len()) {
        return Err(Fault::at(text, &(0..0), format!("write 1 to {SENDERS_MAX} tables [[sender]]")));
    }
    let mut names = Vec::new();
    for table in &file.sender {
        let name = &table.get_ref().name;
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let text_of = name.get_ref();
        if !(1..=32).contains(&text_of.len()) || !text_of.bytes().all(is_allowed) {
            return Err(Fault::at(text, &name.span(), "a name must be 1 to 32 of a-z, digits and -"));
        }
        if names.contains(&text_of) {
            return Err(Fault::at(text, &name.span(), format!("the sender {text_of} stands here twice")));
        }
        names.push(text_of);
    }
    Ok(file.sender.into_iter().map(Spanned::into_inner).collect())
}

#[cfg(test)]
mod tests {
    use hilum_servers::TestFolder;

    use super::*;

    fn bearer(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers
    }

    #[test]
    fn without_a_file_anybody_sends_for_one_site() {
        let site: Site = "north".parse().unwrap();
        let callers = Callers::read(None, &site).unwrap();
        let sender = callers.recognise(&HeaderMap::new()).unwrap();
        assert_eq!((&sender.name, &sender.site), (&None, &site));
    }

    #[test]
    fn with_a_file_each_is_known_by_its_token_and_others_are_strangers() {
        let folder = TestFolder::new().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a", "token-of-a-0123456789\n");
        write("b", "token-of-b-0123456789\n");
        let read = |text: &str| {
            write("senders.toml", text);
            Callers::read(Some(&folder.path().join("senders.toml")), &Site::default())
        };
        let callers = read(
            "[[sender]]\nname = 'a'\ntoken_file = 'a'\nsite = 'north'\npriority = 'stat'\n\
             [[sender]]\nname = 'b'\ntoken_file = 'b'\n",
        )
        .unwrap();
        let of = |headers: &HeaderMap| callers.recognise(headers);
        let a = of(&bearer("token-of-a-0123456789")).unwrap();
        assert_eq!((a.name.as_deref(), a.site.as_str(), a.priority), (Some("a"), "north", Priority::Stat));
        assert_eq!(of(&bearer("token-of-b-0123456789")).unwrap().name.as_deref(), Some("b"));
        assert_eq!(of(&bearer("token-of-c-0123456789")), None);
        assert_eq!(of(&HeaderMap::new()), None);
        for (text, words) in [
            ("", "missing field `sender`"),
            ("sender = []", "1 to 1000"),
            ("[[sender]]\nname = 'A'\ntoken_file = 'a'", "a-z"),
            ("[[sender]]\nname = 'a'\ntoken_file = 'a'\nsites = 'x'", "unknown field"),
            ("[[sender]]\nname = 'a'\ntoken_file = 'a'\n[[sender]]\nname = 'a'\ntoken_file = 'b'", "twice"),
            (
                "[[sender]]\nname = 'a'\ntoken_file = 'a'\n[[sender]]\nname = 'b'\ntoken_file = 'a'",
                "same token",
            ),
            ("[[sender]]\nname = 'a'\ntoken_file = 'none'", "the sender a has no token"),
        ] {
            let error = read(text).unwrap_err();
            let said = hilum_runtime::with_causes(&error).to_string();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
