//! The operator's command line. Wiring only: reads the arguments, runs one command, says what went wrong.

mod client;
mod commands;
mod error;
mod gateway;
mod output;
mod stack;
mod submission;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::CommandLine;
use crate::output::Output;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let output = Output::new(command_line.json);
    std::panic::set_hook(Box::new(move |panic| {
        output.failure(&error::Fault::of(panic));
    }));
    // For the gateway, and for the programs of a stack, which inherit it.
    hilum_runtime::raise_open_files();
    // Children die with the thread that started them, so everything that starts one runs on this thread.
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&error),
    };
    let outcome = runtime.block_on(commands::run(command_line, output));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| output.failure(&error))
}
