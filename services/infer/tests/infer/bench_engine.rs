//! `bench engine` as an operator runs it. Says nothing about how fast anything is.

use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::demo;

/// One engine is enough to stand beside PyTorch.
const LIBTORCH: [&str; 8] = ["--engine", "tch", "--precision", "fp32", "--device", "cpu", "--cores", "1"];

fn run(arguments: &[&str]) -> Output {
    let demo = demo();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-model"));
    command.args(["bench", "engine", "--passes", "1"]).args(arguments).arg("--model").arg(demo.folder.path());
    // PyTorch is measured only where a test says so.
    command.env_remove("HILUM_IMPORT_PYTHON").output().unwrap()
}

fn bench(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn beside(python: &Path) -> Output {
    run(&[&LIBTORCH[..], &["--json", "--batches", "1,2", "--pytorch", python.to_str().unwrap()]].concat())
}

/// The one that is named, else the one on the PATH, if it has torch.
fn python_with_torch() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("HILUM_IMPORT_PYTHON").unwrap_or("python3".into()));
    let has_torch = Command::new(&python).args(["-I", "-c", "import torch"]).output();
    has_torch.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn each_engine_has_a_time_for_each_batch_and_its_share_of_the_peak() {
    let only = ["--json", "--engine", "tch", "--device", "cpu", "--batches", "1,2", "--cores", "1"];
    let outcome: Value = serde_json::from_str(&bench(&only)).unwrap();
    assert_eq!((&outcome["benchmark"], &outcome["cores"]), (&Value::from("engine"), &Value::from(1)));
    let fp32 = outcome["engines"].as_array().unwrap().iter().find(|row| row["precision"] == "fp32").unwrap();
    assert_eq!((&fp32["engine"], &fp32["is_proved"]), (&Value::from("tch"), &Value::from(true)));
    let times: Vec<f64> =
        fp32["ms_per_image"].as_array().unwrap().iter().map(|ms| ms.as_f64().unwrap()).collect();
    assert_eq!(times.len(), 2);
    assert!(times.iter().all(|ms| *ms > 0.0) && fp32["latency_ms"].as_f64().unwrap() > 0.0);
    let share = fp32["share_of_peak"].as_f64().unwrap();
    assert!(share > 0.0 && share.is_finite(), "{share}");
}

#[test]
fn an_engine_that_does_not_run_here_is_listed_with_the_reason() {
    let table = bench(&["--engine", "tch", "--precision", "fp16", "--device", "cpu"]);
    assert!(table.contains("tch fp16 cpu") && table.contains("not run: fp16 is for CUDA devices"), "{table}");
}

#[test]
fn pytorch_computes_the_same_and_the_best_engine_is_held_against_it() {
    let Some(python) = python_with_torch() else {
        eprintln!("skipped: name a Python that has torch by HILUM_IMPORT_PYTHON to measure PyTorch");
        return;
    };
    let output = beside(&python);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pytorch = &outcome["pytorch"];
    assert!(pytorch["largest_logit_difference"].as_f64().unwrap() < 1e-3, "{pytorch}");
    assert_eq!((&pytorch["batches"], &pytorch["threads"]), (&serde_json::json!([1, 8]), &Value::from(1)));
    let medians = pytorch["median_ms_per_image"].as_array().unwrap();
    assert!(medians.len() == 2 && medians.iter().all(|ms| ms.as_f64().unwrap() > 0.0), "{pytorch}");
    let engine = &outcome["engines"].as_array().unwrap()[0];
    let times = medians[0].as_f64().unwrap() / engine["median_ms_at_batch_1"].as_f64().unwrap();
    let best = &pytorch["best"];
    assert_eq!(best["engine"], "tch fp32 cpu");
    assert!((best["times_pytorch_at_batch_1"].as_f64().unwrap() / times - 1.0).abs() < 1e-9, "{pytorch}");
    let table = bench(&[&LIBTORCH[..], &["--batches", "1", "--pytorch", python.to_str().unwrap()]].concat());
    assert!(
        table.contains("PyTorch eager fp32 cpu") && table.contains("times PyTorch eager at batch 1"),
        "{table}"
    );
}

#[test]
fn without_a_python_that_has_torch_the_operator_is_told_what_to_name() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("no-python");
    // A real one that finds no packages.
    let bare = place.path().join("bare-python");
    std::fs::write(&bare, "#!/bin/sh\nexec python3 -S \"$@\"\n").unwrap();
    std::fs::set_permissions(&bare, std::fs::Permissions::from_mode(0o755)).unwrap();
    for (python, said) in [(&missing, "could not run"), (&bare, "can't import torch")] {
        let output = beside(python);
        assert!(!output.status.success() && output.stdout.is_empty());
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(said) && words.contains("by --pytorch"), "{words}");
        assert!(words.contains(python.to_str().unwrap()), "{words}");
    }
}
