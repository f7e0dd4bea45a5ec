//! How many files and connections a process may have open at a time, and what of them may be held by who waits: a process
//! that has used up its descriptors can neither take an upload nor tell anybody why.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as anything here needs. Not more: programs that are started inherit it, and some walk through all of it.
const WANTED: u64 = 65_536;
/// With fewer, less can be held at a time than the services would hold.
pub const LEAST_OPEN_FILES: u64 = 8192;

/// Raises the soft limit of open files as far as the hard one lets it; gives what holds then.
pub fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let wanted = hard.min(WANTED);
    if soft >= wanted || setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_err() {
        return soft;
    }
    wanted
}

/// How many requests may be held at a time by a process that may have `limit` files open, if each takes `each` of them and
/// `reserved` are kept for all else, such as uploads.
pub fn held_at_once(limit: u64, each: u64, reserved: u64) -> usize {
    usize::try_from(limit.saturating_sub(reserved) / each).unwrap_or(usize::MAX).max(1)
}

/// What to do about a limit that is too low; `None` when it is not.
pub fn few_open_files(limit: u64) -> Option<String> {
    (limit < LEAST_OPEN_FILES).then(|| {
        format!(
            "{limit} files and connections can be open at a time, so few requests can wait; raise the hard limit (`ulimit \
             -Hn`, LimitNOFILE of a unit) to {LEAST_OPEN_FILES} or more"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_never_takes_what_is_reserved() {
        for limit in [256_u64, 1024, 4096, 65_536, u64::MAX] {
            let held = held_at_once(limit, 2, 512) as u64;
            assert!(held == 1 || held * 2 + 512 <= limit, "{held} of {limit}");
        }
        assert_eq!((held_at_once(1024, 2, 512), held_at_once(100, 1, 512)), (256, 1));
    }

    #[test]
    fn few_are_told_with_what_to_do() {
        assert!(few_open_files(1024).unwrap().contains("LimitNOFILE"));
        assert_eq!(few_open_files(LEAST_OPEN_FILES), None);
    }
}
