//! Commands that a program of its own answers: it knows best.

use std::ffi::OsString;

use hilum_stack::{WATCH_TOOLS, become_sibling};
use hilum_terminal::{Output, PassedOn};

use crate::error::Error;

/// Becomes `hilum-model …`; returns only if it can't.
pub(super) fn model(args: &PassedOn, output: Output) -> Error {
    become_program("hilum-model", args, output)
}

/// Becomes `hilum-bench …`; returns only if it can't.
pub(super) fn bench(args: &PassedOn, output: Output) -> Error {
    become_program("hilum-bench", args, output)
}

/// Becomes `hilum-watches …`; returns only if it can't.
pub(super) fn watch(args: &PassedOn, output: Output) -> Error {
    become_program(WATCH_TOOLS, args, output)
}

fn become_program(name: &str, args: &PassedOn, output: Output) -> Error {
    let mut words: Vec<OsString> = output.is_json().then(|| "--json".into()).into_iter().collect();
    words.extend(args.arguments.iter().cloned());
    become_sibling(name, &words).into()
}
