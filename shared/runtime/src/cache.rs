//! The user's cache folder, where the setup keeps what it fetched, by version. Must not know what is in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The user's cache folder, as in `infra/local/fetch.py`; `None` for a user without a home.
pub fn cache_folder() -> Option<PathBuf> {
    folder_by(|variable| env::var_os(variable))
}

fn folder_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HILUM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("hilum")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/hilum")))
}

/// `file` in that folder of `place` which has the highest version, among those whose names are `prefix` and a version
/// and that have the file.
pub fn newest_version(place: &Path, prefix: &str, file: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(place).ok()?.flatten();
    let found = folders.filter_map(|folder| {
        let name = folder.file_name();
        let version = name.to_str()?.strip_prefix(prefix)?.split('.').map(str::parse);
        let version: Vec<u32> = version.collect::<Result<_, _>>().ok()?;
        let file = folder.path().join(file);
        file.is_file().then_some((version, file))
    });
    found.max().map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_has_the_file_is_taken() {
        let place = tempfile::tempdir().unwrap();
        for version in ["nats-server-2.9.1", "nats-server-2.15.1", "nats-server-old", "nats-server-3"] {
            std::fs::create_dir(place.path().join(version)).unwrap();
        }
        for version in ["nats-server-2.9.1", "nats-server-2.15.1", "nats-server-old"] {
            std::fs::write(place.path().join(version).join("nats-server"), "").unwrap();
        }
        let found = newest_version(place.path(), "nats-server-", "nats-server").unwrap();
        assert_eq!(found, place.path().join("nats-server-2.15.1/nats-server"));
        assert_eq!(newest_version(place.path(), "postgres-", "bin/initdb"), None);
        assert_eq!(newest_version(&place.path().join("gone"), "nats-server-", "nats-server"), None);
    }

    #[test]
    fn the_cache_is_where_the_first_variable_that_says_something_says() {
        let folder = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| (name.to_string(), value.into())).collect();
            folder_by(|name| {
                set.iter().find(|(set, _)| set == name).map(|(_, value): &(_, OsString)| value.clone())
            })
        };
        let all = [("HILUM_CACHE", "/h"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/me")];
        assert_eq!(folder(&all), Some("/h".into()));
        assert_eq!(folder(&all[1..]), Some("/x/hilum".into()));
        assert_eq!(
            folder(&[("HILUM_CACHE", ""), ("XDG_CACHE_HOME", ""), all[2]]),
            Some("/me/.cache/hilum".into())
        );
        assert_eq!(folder(&[]), None);
    }
}
