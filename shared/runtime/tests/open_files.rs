//! The limit of open files, in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use hilum_runtime::raise_open_files;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[test]
fn the_soft_limit_is_raised_as_far_as_the_hard_one_lets_it() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    let raised = raise_open_files();
    assert_eq!((raised, hard), (hard.min(65_536), getrlimit(Resource::RLIMIT_NOFILE).unwrap().1));
    assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, raised);
    // More files than before can be open.
    let files: Vec<_> = (0..200).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    assert_eq!(files.len(), 200);
    // A limit that is high enough stays.
    assert_eq!(raise_open_files(), raised);
}
