//! What the program says when it can't start.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

#[test]
fn an_error_is_told_with_its_causes_and_without_a_backtrace() {
    let ended = Command::new(env!("CARGO_BIN_EXE_hilum-ingest"))
        .args(["--store-url", "file:///none", "--sites", "/none/sites.toml"])
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success());
    assert!(said.starts_with("Error: ") && said.contains("/none/sites.toml"), "{said}");
    assert!(said.contains("No such file") && !said.to_lowercase().contains("backtrace"), "{said}");
}
