//! Commands that a program of its own answers: it knows best.

use std::ffi::OsString;

use hilum_stack::become_sibling;
use hilum_terminal::{Output, PassedOn};

use crate::error::Error;

/// Becomes `hilum-infer model …`; returns only if it can't.
pub(super) fn model(args: &PassedOn, output: Output) -> Error {
    become_program("hilum-infer", vec!["model".into()], args, output)
}

/// Becomes `hilum-bench …`; returns only if it can't.
pub(super) fn bench(args: &PassedOn, output: Output) -> Error {
    become_program("hilum-bench", Vec::new(), args, output)
}

fn become_program(name: &str, mut words: Vec<OsString>, args: &PassedOn, output: Output) -> Error {
    words.extend(output.is_json().then(|| "--json".into()));
    words.extend(args.arguments.iter().cloned());
    become_sibling(name, &words).into()
}
