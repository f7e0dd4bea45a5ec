//! The operator's command line. Wiring only: reads the arguments and runs one command.

mod commands;
mod error;
mod news;
mod submission_view;

use std::process::ExitCode;

use clap::Parser as _;
use hilum_terminal::{Output, run_command};

use crate::commands::CommandLine;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let output = Output::new(command_line.json);
    run_command(output, commands::run(command_line, output))
}
