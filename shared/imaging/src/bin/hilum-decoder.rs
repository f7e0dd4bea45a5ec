//! The child process in which uploaded bytes are parsed. It opens no file and no socket: one request after
//! the other comes in on standard input, and the answers leave on standard output.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let first = std::env::args().nth(1);
    // For `hilum doctor`.
    if first.as_deref() == Some("--version") {
        let told = writeln!(std::io::stdout(), "hilum-decoder {}", env!("CARGO_PKG_VERSION"));
        return if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    hilum_imaging::child_main(first.as_deref())
}
