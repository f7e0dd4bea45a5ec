//! Arguments of a command that another program answers.

use std::ffi::OsString;

use clap::Args;

/// Whatever was typed behind the command, `--help` among it.
#[derive(Debug, Clone, Args)]
pub struct PassedOn {
    /// What the program gets
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
}
