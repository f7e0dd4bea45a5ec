//! What the programs of an operator have in common: how they answer, fail and pass a command on. Knows no command.

mod command;
mod fault;
mod output;
mod passed_on;

pub use command::run_command;
pub use output::Output;
pub use passed_on::PassedOn;
