//! The engines, the choice between them, model folders and their commands, on real libraries.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stderr, reason = "says what was skipped, and how close the numbers are")]

mod batching;
mod bench_engine;
mod choice;
mod golden_images;
mod import;
mod model_command;
mod openvino;
mod parity;
mod prepare;
mod refused;
mod replicas;
mod support;
mod torchscript;
