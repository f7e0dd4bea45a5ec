//! `bench engine` as an operator runs it. Says nothing about how fast anything is.

#![allow(clippy::unwrap_used, reason = "tests; the lint's own exception misses helper functions")]

mod support;

use serde_json::Value;
use std::process::Command;
use support::demo;

fn bench(arguments: &[&str]) -> String {
    let demo = demo();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-infer"));
    command.args(["bench", "engine", "--passes", "1"]).args(arguments).arg("--model").arg(demo.folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
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
