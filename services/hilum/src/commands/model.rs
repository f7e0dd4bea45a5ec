//! `hilum model …` and what else the service that reads images knows best: its program answers.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::Args;

use crate::error::Error;
use crate::output::Output;
use crate::stack::sibling;

#[derive(Debug, Args)]
pub(super) struct PassedOn {
    /// What the program gets
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Becomes `hilum-infer model …`; returns only if it can't.
pub(super) fn run(args: &PassedOn, output: Output) -> Result<ExitCode, Error> {
    pass_on(&["model".into()], args, output)
}

/// Becomes `hilum-infer` with these words before the arguments; returns only if it can't.
pub(super) fn pass_on(words: &[OsString], args: &PassedOn, output: Output) -> Result<ExitCode, Error> {
    let program = sibling("hilum-infer")?;
    let mut command = Command::new(&program);
    command.args(words).args(output.is_json().then_some("--json")).args(&args.arguments);
    Err(Error::file("run", program)(command.exec()))
}
