//! Where the programs of a stack are: the services lie beside this one, the servers and OpenVINO where they are said to
//! be, where `make setup` put them, or on the PATH.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use hilum_runtime::{cache_folder, newest_version};
use hilum_servers::{NatsOptions, PostgresOptions};

use crate::error::Error;

/// The operator's commands, which run a stack as well.
pub(crate) const HILUM: &str = "hilum";

/// Makes the demonstration model; answers `hilum model` and the measurements of the model alone.
pub const MODEL_TOOLS: &str = "hilum-model";
/// The program that answers `hilum watch`.
pub const WATCH_TOOLS: &str = "hilum-watches";

/// The part that keeps the log.
pub(crate) const NATS: &str = "nats-server";
/// The part that takes images in.
pub(crate) const DOOR: &str = "ingest";

/// The services that every deployment has, and deliver, in the order in which an image comes to them.
pub const SERVICES: [&str; 7] = ["ingest", "dedupe", "infer", "report", "deliver", "projection", "sweep"];

/// The service that is started only when there are targets to deliver to or rules.
pub const DELIVER: &str = "deliver";
/// The door for DICOM, which is started only when it is asked for.
pub const DICOM: &str = "dicom";
/// The door for DICOMweb, which is started only when it is asked for.
pub const DICOMWEB: &str = "dicomweb";
/// The door for what is put into buckets, which is started only when there are watches.
pub const WATCH: &str = "watch";

/// The services that a stack may do without.
pub const OPTIONAL: [&str; 4] = [DELIVER, DICOM, DICOMWEB, WATCH];

/// The services of a stack that has `optional` besides those that each has, in the order in which they are started.
pub fn services(optional: &[&'static str]) -> impl Iterator<Item = &'static str> {
    let always = SERVICES.into_iter().filter(|service| !OPTIONAL.contains(service));
    always.chain(optional.iter().copied())
}

/// The program of a service.
pub fn program_of(service: &str) -> String {
    format!("hilum-{service}")
}

/// Where `make setup` puts Postgres for root: the account it runs as can't look into root's home.
const CACHE_OF_ROOT: &str = "/var/cache/hilum";
/// Where Debian and Ubuntu put Postgres; not on the PATH.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The program `name` beside this one.
///
/// # Errors
/// When it is missing.
pub fn sibling(name: &str) -> Result<PathBuf, Error> {
    let own = env::current_exe().map_err(Error::file("find", "/proc/self/exe"))?;
    let program = own.with_file_name(name);
    if program.is_file() { Ok(program) } else { Err(Error::MissingProgram { program }) }
}

/// Becomes the program `name` beside this one, called with `arguments`. Returns only if it can't, and says why.
pub fn become_sibling(name: &str, arguments: &[OsString]) -> Error {
    match sibling(name) {
        Ok(program) => Error::file("run", &program)(Command::new(&program).args(arguments).exec()),
        Err(missing) => missing,
    }
}

/// The nats-server to start, everything in `folder`.
pub(crate) fn nats(folder: PathBuf) -> NatsOptions {
    let options = NatsOptions::in_folder(folder);
    if is_set("HILUM_NATS_SERVER") {
        return options;
    }
    let cached = cache_folder().and_then(|cache| newest_version(&cache, "nats-server-", "nats-server"));
    NatsOptions { program: cached.unwrap_or(options.program), ..options }
}

/// The Postgres to start, everything in `folder`.
pub(crate) fn postgres(folder: PathBuf) -> PostgresOptions {
    let options = PostgresOptions::in_folder(folder);
    if is_set("HILUM_POSTGRES_BIN") {
        return options;
    }
    let programs = [cache_folder(), Some(CACHE_OF_ROOT.into())]
        .into_iter()
        .flatten()
        .find_map(|cache| newest_version(&cache, "postgres-", "bin/initdb"))
        .or_else(|| on_path("initdb"))
        .or_else(|| newest_version(Path::new(DEBIAN_POSTGRES), "", "bin/initdb"));
    // What lies on the PATH may be a link to one program; the others lie where it leads.
    let programs = programs.and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    PostgresOptions { programs: programs.unwrap_or(options.programs), ..options }
}

/// OpenVINO's library as the setup fetched it, for the service that reads images; `None` when another was named, which
/// the service reads from its own settings, or none was fetched.
pub fn openvino_library() -> Option<PathBuf> {
    if is_set("HILUM_OPENVINO_LIBRARY") {
        return None;
    }
    newest_version(&cache_folder()?, "openvino-", "libopenvino_c.so")
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}
