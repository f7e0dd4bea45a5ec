//! What foreign programs say of the API: `make interop`, which fetches them. Schemathesis asks a stack whatever it can think of
//! and compares the answers with the description; Redocly compares the description with OpenAPI.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_servers::{Process, TestFolder, free_port, http_status};
use hilum_tests::{Http, LIMIT, program, sample, workspace};
use nix::sys::signal::Signal;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::process::Command;

/// The same questions each time, and few of a kind: half a minute. One worker: two at a time break CPython 3.11.
const SEED: &str = "1";
const EXAMPLES: &str = "8";
/// Its parser has lost count, as that of CPython 3.11 does when threads parse: such a run says nothing.
const BROKEN_PYTHON: &str = "SystemError: AST constructor recursion depth mismatch";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

#[tokio::test]
async fn schemathesis_gets_no_answer_that_the_description_does_not_tell_of() {
    let packages = fetched("HILUM_SCHEMATHESIS");
    let folder = TestFolder::new().unwrap();
    let (stack, url) = stack(folder.path()).await;
    let job = read_image(&url).await;
    let settings = folder.path().join("schemathesis.toml");
    std::fs::write(&settings, known_ids(&job)).unwrap();

    let ask = async || {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &packages).current_dir(folder.path());
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(&settings).arg("run");
        command.arg(format!("{url}/openapi.json")).args(["--checks", CHECKS, "--seed", SEED]);
        command.args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"]);
        command.args(["--workers", "1", "--no-color"]);
        let output =
            tokio::time::timeout(Duration::from_secs(120), command.kill_on_drop(true).output()).await;
        let output = output.unwrap().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), told)
    };
    let (mut is_good, mut told) = ask().await;
    if told.contains(BROKEN_PYTHON) {
        (is_good, told) = ask().await;
    }
    stack.stop(Signal::SIGTERM, LIMIT).await;
    assert!(is_good, "{told}");
}

#[tokio::test]
async fn redocly_finds_the_description_in_order() {
    let Some(packages) = std::env::var_os("HILUM_REDOCLY").map(PathBuf::from) else {
        return eprintln!("left out: no npm was there to fetch Redocly with");
    };
    let mut command = Command::new("node");
    command.arg(packages.join("node_modules/@redocly/cli/bin/cli.js")).arg("lint");
    command.arg(workspace().join("shared/api/openapi.json"));
    command.arg("--config").arg(workspace().join("tests/tests/interop/redocly.yaml"));
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let output = command.output().await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}

/// Where `infra/local/fetch.py --interop` put a program.
fn fetched(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `make interop`")).into()
}

/// A whole stack behind one base URL, as a user starts it.
async fn stack(folder: &Path) -> (Process, String) {
    let port = free_port().unwrap();
    let mut command = Command::new(program("hilum"));
    command.arg("up").arg("--state").arg(folder.join("stack")).args(["--port", &port.to_string()]);
    let mut process = Process::start("hilum up", command, &folder.join("hilum.log")).unwrap();
    let ready = || async { http_status(port, "/readyz").await == Some(200) };
    process.wait_ready(LIMIT, ready).await.unwrap();
    (process, format!("http://127.0.0.1:{port}"))
}

/// Has an image read, so that there is something to ask for; its job.
async fn read_image(url: &str) -> String {
    let http = Http::default();
    let image = Part::bytes(std::fs::read(sample("mhh_1479fa94.png")).unwrap()).file_name("image");
    let form = Form::new().text("study", "S-1").part("image", image);
    let accepted = http.post(format!("{url}/v1/jobs")).multipart(form).send().await.unwrap();
    let accepted: Value = accepted.json().await.unwrap();
    let job = accepted["job_id"].as_str().unwrap().to_owned();
    let closed = http.post(format!("{url}/v1/studies/S-1/close")).send().await.unwrap();
    assert!(closed.status().is_success());
    let report = http.get(format!("{url}/v1/studies/S-1/report?wait=60s")).send().await.unwrap();
    assert!(report.status().is_success());
    job
}

/// Half of what can be asked is of something that is there.
fn known_ids(job: &str) -> String {
    let known = [
        ("/v1/jobs/{id}", job),
        ("/v1/jobs/{id}/result", job),
        ("/v1/studies/{id}", "S-1"),
        ("/v1/studies/{id}/report", "S-1"),
    ];
    known
        .map(|(path, id)| {
            format!(
                "[[operations]]\ninclude-name = \"GET {path}\"\nparameters = {{ \"path.id\" = \"{id}\" }}\n\n"
            )
        })
        .concat()
}
