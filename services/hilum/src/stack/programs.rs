//! Where the programs of a stack are: the services lie beside this one, the servers where they are said to be,
//! where `make setup` put them, or on the PATH.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hilum_servers::{NatsOptions, PostgresOptions};

use crate::error::Error;

/// Services in the order they are started, with their programs.
pub(crate) const SERVICES: [(&str, &str); 6] = [
    ("ingest", "hilum-ingest"),
    ("dedupe", "hilum-dedupe"),
    ("infer", "hilum-infer"),
    ("report", "hilum-report"),
    ("projection", "hilum-projection"),
    ("sweep", "hilum-sweep"),
];

/// Where `make setup` puts Postgres for root: the account it runs as can't look into root's home.
const CACHE_OF_ROOT: &str = "/var/cache/hilum";
/// Where Debian and Ubuntu put Postgres; not on the PATH.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The program `name` beside this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Error> {
    let own = env::current_exe().map_err(Error::file("find", "/proc/self/exe"))?;
    let program = own.with_file_name(name);
    if program.is_file() { Ok(program) } else { Err(Error::MissingProgram { program }) }
}

/// The nats-server to start, everything in `folder`.
pub(crate) fn nats(folder: PathBuf) -> NatsOptions {
    let options = NatsOptions::in_folder(folder);
    if is_set("HILUM_NATS_SERVER") {
        return options;
    }
    let cached = cache().and_then(|cache| newest(&cache, "nats-server-", "nats-server"));
    NatsOptions { program: cached.unwrap_or(options.program), ..options }
}

/// The Postgres to start, everything in `folder`.
pub(crate) fn postgres(folder: PathBuf) -> PostgresOptions {
    let options = PostgresOptions::in_folder(folder);
    if is_set("HILUM_POSTGRES_BIN") {
        return options;
    }
    let programs = [cache(), Some(CACHE_OF_ROOT.into())]
        .into_iter()
        .flatten()
        .find_map(|cache| newest(&cache, "postgres-", "bin/initdb"))
        .or_else(|| on_path("initdb"))
        .or_else(|| newest(Path::new(DEBIAN_POSTGRES), "", "bin/initdb"));
    // What lies on the PATH may be a link to one program; the others lie where it leads.
    let programs = programs.and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    PostgresOptions { programs: programs.unwrap_or(options.programs), ..options }
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The user's cache folder, as in `infra/local/fetch.py`.
fn cache() -> Option<PathBuf> {
    let set = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty());
    let below = |folder: OsString| Path::new(&folder).join("hilum");
    set("HILUM_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(below))
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache/hilum")))
}

/// `program` in the folder with the highest version among those that begin with `prefix`.
fn newest(place: &Path, prefix: &str, program: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(place).ok()?.flatten();
    let found = folders.filter_map(|folder| {
        let version: Vec<u32> = folder
            .file_name()
            .to_str()?
            .strip_prefix(prefix)?
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let program = folder.path().join(program);
        program.is_file().then_some((version, program))
    });
    found.max().map(|(_, program)| program)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_in_a_folder_is_taken() {
        let place = tempfile::tempdir().unwrap();
        for version in ["nats-server-2.9.1", "nats-server-2.15.1", "nats-server-old", "nats-server-3"] {
            std::fs::create_dir(place.path().join(version)).unwrap();
        }
        for version in ["nats-server-2.9.1", "nats-server-2.15.1", "nats-server-old"] {
            std::fs::write(place.path().join(version).join("nats-server"), "").unwrap();
        }
        let found = newest(place.path(), "nats-server-", "nats-server").unwrap();
        assert_eq!(found, place.path().join("nats-server-2.15.1/nats-server"));
        assert_eq!(newest(place.path(), "postgres-", "bin/initdb"), None);
    }
}
