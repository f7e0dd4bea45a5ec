//! The child process in which uploaded bytes are parsed. It opens no file and no socket: one request after
//! the other comes in on standard input, and the answers leave on standard output.

use std::process::ExitCode;

fn main() -> ExitCode {
    hilum_imaging::child_main(std::env::args().nth(1).as_deref())
}
