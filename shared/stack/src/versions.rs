//! Versions of the programs of a stack, as they themselves say.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::programs;

/// What runs, by version. Empty where the program did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version of this program.
    pub hilum: String,
    /// The version of nats-server.
    pub nats_server: String,
    /// The version of Postgres.
    pub postgres: String,
}

impl Versions {
    /// Asks the programs that a stack would start.
    pub fn ask() -> BoxFuture<'static, Self> {
        Box::pin(async move {
            let nats = programs::nats(PathBuf::new()).program;
            let postgres = programs::postgres(PathBuf::new()).programs.join("postgres");
            let (nats_server, postgres) = tokio::join!(of_program(&nats), of_program(&postgres));
            Self {
                hilum: env!("CARGO_PKG_VERSION").to_owned(),
                nats_server: nats_server.unwrap_or_default(),
                postgres: postgres.unwrap_or_default(),
            }
        })
    }
}

/// What the program says to `--version`, without its name; `None` when it can't be run.
pub fn of_program<'a>(program: &'a Path) -> BoxFuture<'a, Option<String>> {
    Box::pin(async move {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(10), command.output()).await.ok()?.ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        version_in(&text).map(str::to_owned)
    })
}

/// `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.14 (Debian …)`, `hilum-ingest 0.1.0`.
fn version_in(text: &str) -> Option<&str> {
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    text.split_ascii_whitespace().map(|word| word.trim_start_matches('v')).find(is_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_programs_say() {
        assert_eq!(version_in("nats-server: v2.15.1\n"), Some("2.15.1"));
        assert_eq!(version_in("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some("15.14"));
        assert_eq!(version_in("hilum-ingest 0.1.0\n"), Some("0.1.0"));
        assert_eq!(version_in("no version"), None);
    }
}
