//! Settings that had another name in the environment before. The old name still works where the new one is not set, and the log
//! says which was read.

use std::ffi::OsString;
use std::sync::OnceLock;

use clap::{Command, Parser};

/// A setting and the environment variable that it was read from before.
#[derive(Debug, Clone, Copy)]
pub struct OldName {
    /// The setting's field, such as `decoders`.
    pub setting: &'static str,
    /// The old variable.
    pub variable: &'static str,
}

/// A variable that is set and has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    old: &'static str,
    new: OsString,
    /// The new name is set too, and that is what was read.
    is_ignored: bool,
}

/// What has an old name, until there is a log to say it.
static FOUND: OnceLock<Vec<Found>> = OnceLock::new();

/// Reads the settings as `T::parse` does. What the environment has under an old name only, is read there;
/// [`crate::Service::start`] warns of it.
pub fn parse_with_old_names<T: Parser>(old_names: &[OldName]) -> T {
    let is_set = |variable: &OsString| std::env::var_os(variable).is_some();
    let (command, found) = with_old_names(T::command(), old_names, is_set);
    // A second call in one process changes nothing.
    let _ = FOUND.set(found);
    let parsed = T::from_arg_matches(&command.get_matches());
    parsed.unwrap_or_else(|error| error.format(&mut T::command()).exit())
}

fn with_old_names(
    mut command: Command,
    old_names: &[OldName],
    is_set: impl Fn(&OsString) -> bool,
) -> (Command, Vec<Found>) {
    let mut found = Vec::new();
    for OldName { setting, variable } in old_names {
        let named = command.get_arguments().find(|argument| argument.get_id() == setting);
        let Some(new) = named.and_then(|argument| argument.get_env()).map(ToOwned::to_owned) else {
            continue;
        };
        if !is_set(&OsString::from(variable)) {
            continue;
        }
        let is_ignored = is_set(&new);
        if !is_ignored {
            command = command.mut_arg(setting, |argument| argument.env(variable));
        }
        found.push(Found { old: variable, new, is_ignored });
    }
    (command, found)
}

/// Says in the log what has an old name.
pub(crate) fn warn_of_old_names() {
    for Found { old, new, is_ignored } in FOUND.get().into_iter().flatten() {
        let new = new.to_string_lossy();
        match is_ignored {
            true => {
                tracing::warn!(old, %new, "{old} is ignored, for {new}, its name now, is set too; unset {old}")
            }
            false => {
                tracing::warn!(old, %new, "{old} has another name, {new}; the old one still works, for now")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long, env = "HILUM_TEST_NEW_NAME", default_value_t = 1)]
        hands: u32,
    }

    const OLD: OldName = OldName { setting: "hands", variable: "PATH" };

    fn read_from(is_set: &[&str]) -> (Option<OsString>, Vec<Found>) {
        let is_set = |variable: &OsString| is_set.iter().any(|set| variable == set);
        let (command, found) = with_old_names(Settings::command(), &[OLD], is_set);
        let hands = command.get_arguments().find(|argument| argument.get_id() == "hands");
        (hands.and_then(|hands| hands.get_env()).map(ToOwned::to_owned), found)
    }

    #[test]
    fn an_old_name_is_read_when_it_alone_is_set() {
        let new = OsString::from("HILUM_TEST_NEW_NAME");
        assert_eq!(read_from(&[]), (Some(new.clone()), Vec::new()));
        let found = |is_ignored| vec![Found { old: "PATH", new: new.clone(), is_ignored }];
        let both = read_from(&["PATH", "HILUM_TEST_NEW_NAME"]);
        assert_eq!(both, (Some(new.clone()), found(true)), "it is told that the old one is ignored");
        assert_eq!(read_from(&["PATH"]), (Some("PATH".into()), found(false)));
    }

    #[test]
    fn the_setting_of_an_old_name_is_there() {
        assert_eq!(parse_with_old_names_of(&["x"]).hands, 1);
        let unknown = OldName { setting: "none", variable: "PATH" };
        assert!(with_old_names(Settings::command(), &[unknown], |_| true).1.is_empty());
    }

    fn parse_with_old_names_of(words: &[&str]) -> Settings {
        let (command, _) = with_old_names(Settings::command(), &[OLD], |_| false);
        Settings::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }
}
