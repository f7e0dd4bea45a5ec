//! The `model` commands as an operator runs them, with nothing in the environment that helps to find libtorch.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn model(arguments: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-model"));
    for setting in ["LD_LIBRARY_PATH", "HILUM_ENGINE", "HILUM_PRECISION", "HILUM_DEVICE"] {
        command.env_remove(setting);
    }
    command.args(arguments).arg(dir).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

#[test]
fn the_demo_model_is_written_shown_and_checked() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("demo");
    for output in [model(&["demo"], &dir), model(&["show"], &dir), model(&["check"], &dir)] {
        assert!(text(&output).starts_with("UNTRAINED"));
    }
    let demo = json(&model(&["demo", "--json"], &dir));
    let show = json(&model(&["show", "--json"], &dir));
    assert_eq!(demo, show);
    assert_eq!((&show["model"]["trained"], &show["golden_cases"]), (&Value::from(false), &Value::from(2)));
    assert!(show["notice"].as_str().unwrap().starts_with("UNTRAINED"));
    let check = json(&model(&["check", "--json"], &dir));
    assert_eq!((&check["passed"], &check["cases"]), (&Value::from(true), &Value::from(2)));
    assert!(check["largest_logit_difference"].as_f64().unwrap() <= 1e-4);
    assert_eq!(check["engine"]["precision"], "fp32");
}

#[test]
fn a_check_that_leaves_the_engine_open_says_which_would_be_chosen_and_why() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("demo");
    text(&model(&["demo"], &dir));
    let check = json(&model(&["check", "--json", "--engine", "auto", "--precision", "auto"], &dir));
    assert_eq!(check["passed"], true);
    let candidates = check["candidates"].as_array().unwrap();
    let chosen: Vec<_> = candidates.iter().filter(|candidate| candidate["is_chosen"] == true).collect();
    assert_eq!((candidates.len(), chosen.len()), (4, 1), "{candidates:?}");
    assert_eq!(chosen[0]["engine"], check["engine"]["engine"]);
    assert!(candidates.iter().all(|candidate| candidate["outcome"].as_str().unwrap().len() > 5));
}

/// Moves one expected logit and keeps the manifest true.
fn change_a_golden_logit(dir: &Path) {
    let golden = dir.join("golden/golden.json");
    let before = std::fs::read(&golden).unwrap();
    let mut cases: Value = serde_json::from_slice(&before).unwrap();
    cases["cases"][0]["logits"][3] = Value::from(-0.8);
    let after = serde_json::to_vec(&cases).unwrap();
    std::fs::write(&golden, &after).unwrap();
    let manifest = dir.join("model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replacen(&hilum_models::sha256_hex(&before), &hilum_models::sha256_hex(&after), 1);
    std::fs::write(&manifest, text).unwrap();
}

#[test]
fn a_model_that_differs_from_its_reference_exits_with_1_and_says_by_how_much() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("demo");
    text(&model(&["demo"], &dir));
    change_a_golden_logit(&dir);
    let output = model(&["check", "--json"], &dir);
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["passed"], false);
    assert!(line["largest_logit_difference"].as_f64().unwrap() > 0.04);
}

#[test]
fn a_changed_byte_of_the_weights_is_refused_with_the_file_and_both_hashes() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("demo");
    text(&model(&["demo"], &dir));
    let weights = dir.join("weights.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[20_000_000] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let output = model(&["check"], &dir);
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("weights.safetensors was changed: expected SHA-256"), "{message}");
}

#[test]
fn weights_with_another_hash_are_not_unpickled() {
    let keep = tempfile::tempdir().unwrap();
    let weights = keep.path().join("weights.pt");
    std::fs::write(&weights, b"a program, perhaps").unwrap();
    let output = model(&["import", weights.to_str().unwrap()], &keep.path().join("model"));
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("not the expected weights file") && message.contains("18 bytes"), "{message}");
    assert!(!keep.path().join("model").exists());
}
