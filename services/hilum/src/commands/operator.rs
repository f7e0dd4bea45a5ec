//! The name of the person who types, which stands beside an operator's decision when none was given.

use nix::unistd::{User, getuid};

/// The name of this machine, on Linux.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// The user who runs this command, as user@host.
pub(super) fn operator() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let known = || User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    let user = set("USER").or_else(known)?;
    let host = std::fs::read_to_string(HOST_NAME_FILE).ok().map(|name| name.trim().to_owned());
    Some(match host.filter(|name| !name.is_empty()).or_else(|| set("HOSTNAME")) {
        Some(host) => format!("{user}@{host}"),
        None => user,
    })
}
