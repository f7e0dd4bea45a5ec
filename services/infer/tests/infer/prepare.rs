//! `model prepare` and the OpenVINO engine as an operator meets them: programs of their own, because a library is loaded

//! once per process.

use hilum_models::{FileRole, ModelFolder};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn model(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-model"));
    command.env_remove("LD_LIBRARY_PATH").args(arguments).arg(dir);
    command
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

fn demo(keep: &tempfile::TempDir) -> std::path::PathBuf {
    let dir = keep.path().join("demo");
    text(&model(&["demo"], &dir).output().unwrap());
    dir
}

#[test]
fn prepare_adds_a_graph_that_computes_the_same_and_a_second_time_changes_nothing() {
    let keep = tempfile::tempdir().unwrap();
    let dir = demo(&keep);
    let manifest = dir.join("model.toml");
    let commented = fs::read_to_string(&manifest).unwrap().replace("labels = ", "# as trained\nlabels = ");
    fs::write(&manifest, &commented).unwrap();

    let first = json(&model(&["prepare", "--json"], &dir).output().unwrap());
    assert_eq!((&first["file"], &first["written"]), (&Value::from("densenet121.onnx"), &Value::from(true)));
    for check in first["openvino"].as_array().unwrap() {
        assert!(check["passed"] == true || check["reason"].is_string(), "{check}");
    }
    if std::env::var_os("HILUM_OPENVINO_LIBRARY").is_some() {
        assert_eq!(
            (&first["openvino"][0]["passed"], &first["openvino"][0]["cases"]),
            (&true.into(), &2.into())
        );
    }

    let prepared = fs::read_to_string(&manifest).unwrap();
    let before_the_files = commented.split("[[file]]").next().unwrap();
    assert!(prepared.starts_with(before_the_files), "the rest of the manifest stays as it was");
    let folder = ModelFolder::open(&dir).unwrap();
    let graph = folder.onnx().unwrap().unwrap();
    assert!(
        folder
            .manifest()
            .files
            .iter()
            .any(|file| file.role == FileRole::Onnx && file.name == "densenet121.onnx")
    );

    let second = json(&model(&["prepare", "--json"], &dir).output().unwrap());
    assert_eq!(second["written"], false);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), prepared);
    assert_eq!(ModelFolder::open(&dir).unwrap().onnx().unwrap().unwrap(), graph);
}

#[test]
fn a_prepared_demo_is_still_the_demo() {
    let keep = tempfile::tempdir().unwrap();
    let dir = demo(&keep);
    let before = json(&model(&["show", "--json"], &dir).output().unwrap());
    let prepared = model(&["prepare"], &dir).output().unwrap();
    assert!(text(&prepared).contains("densenet121.onnx written and listed in model.toml"));
    assert_eq!(json(&model(&["demo", "--json"], &dir).output().unwrap()), before);
    assert!(ModelFolder::open(&dir).unwrap().onnx().unwrap().is_some());
}

#[test]
fn a_missing_library_is_told_with_what_to_do() {
    let keep = tempfile::tempdir().unwrap();
    let dir = demo(&keep);
    let missing = keep.path().join("libopenvino_c.so");
    let check = ["check", "--engine", "openvino"];
    let output = model(&check, &dir).env("HILUM_OPENVINO_LIBRARY", &missing).output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    for part in
        ["openvino is not available", "libopenvino_c.so could not be loaded", "fetch.py", "engine tch"]
    {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }

    // Another library is not mistaken for it.
    let other = fs::read_to_string("/proc/self/maps").unwrap();
    let libc =
        other.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("libc.so"));
    let output = model(&check, &dir).env("HILUM_OPENVINO_LIBRARY", libc.unwrap()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("not OpenVINO's C library") && !output.status.success(), "{message}");

    let prepared = model(&["prepare"], &dir).env("HILUM_OPENVINO_LIBRARY", &missing).output().unwrap();
    assert!(text(&prepared).contains("openvino, fp32: not checked"), "the file is written all the same");
}
