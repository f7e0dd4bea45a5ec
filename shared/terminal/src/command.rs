//! The frame of a command: a runtime, and one sentence for whatever goes wrong.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::fault::Fault;
use crate::output::Output;

/// Runs `command` on this thread, which is the one whose children must live as long as the command: they die with the
/// thread that started them. Says on `output` what goes wrong.
pub fn run_command<E: Error>(output: Output, command: impl Future<Output = Result<ExitCode, E>>) -> ExitCode {
    std::panic::set_hook(Box::new(move |panic| {
        output.failure(&Fault::of(panic));
    }));
    // For programs that are started from here and inherit it, and for many connections.
    hilum_runtime::raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&error),
    };
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.unwrap_or_else(|error| output.failure(&error))
}
