//! The programs of `examples/`, run as their README says, through the gateway that a deployment runs.

use std::process::Stdio;

use hilum_runtime::http_client;
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, program, sample, workspace};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

const SECRET: &str = "a secret of this test";
const IMAGES: [&str; 2] = ["mhh_1479fa94.png", "mhh_90070cbc_gray_q40.jpg"];

/// A command that ends with this test.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true).current_dir(workspace()).stdin(Stdio::null());
    command
}

/// Waits for the line in which a program says its port, and has the rest read by nobody.
async fn port(output: impl AsyncRead + Unpin + Send + 'static, in_line: fn(&str) -> Option<u16>) -> u16 {
    let mut lines = BufReader::new(output).lines();
    let said = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says its port before it ends");
            if let Some(port) = in_line(&line) {
                return port;
            }
        }
    };
    let port = tokio::time::timeout(LIMIT, said).await.unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    port
}

async fn gateway(stack: &Stack) -> (Child, String) {
    let mut gateway = command(program("hilum-gateway"))
        .env("HILUM_INGEST_URL", stack.ingest_url())
        .env("HILUM_PROJECTION_URL", stack.query_url())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let in_line = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["address"].as_str()?.rsplit_once(':')?.1.parse().ok()
    };
    let port = port(gateway.stderr.take().unwrap(), in_line).await;
    (gateway, format!("http://127.0.0.1:{port}"))
}

/// Runs an example that must succeed; gives what it printed.
async fn run(example: &str, arguments: &[&str], base: &str) -> String {
    let example = workspace().join("examples").join(example);
    let running = command(example).args(arguments).env("HILUM_URL", base).output();
    let output = tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_examples_send_images_and_take_reports_through_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = command(workspace().join("examples/webhook_receiver.py"))
        .arg("0")
        .env("HILUM_WEBHOOK_SECRET", SECRET)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let first = told.next_line().await.unwrap().unwrap();
    let hooks = format!("http://127.0.0.1:{}/hilum", first.rsplit(' ').next().unwrap());
    let targets = folder.path().join("targets.toml");
    let target =
        format!("[target.desk]\nkind = 'webhook'\nurl = '{hooks}'\nsecret_env = 'HILUM_WEBHOOK_SECRET'\n");
    std::fs::write(&targets, target).unwrap();
    let environment =
        vec![("HILUM_TARGETS", targets.display().to_string()), ("HILUM_WEBHOOK_SECRET", SECRET.to_owned())];
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    let (_gateway, base) = gateway(&stack).await;
    let ready = async || {
        stack.http.get(format!("{base}/readyz")).send().await.is_ok_and(|it| it.status().is_success())
    };
    assert!(wait_until(LIMIT, ready).await);

    let images = IMAGES.map(|name| sample(name).display().to_string());
    let printed = run("send.sh", &["S-1", &images[0], &images[1]], &base).await;
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["images"].as_array().unwrap().len(), 2, "{printed}");
    let reading: Value = serde_json::from_str(&run("send.py", &[&images[0], "S-2"], &base).await).unwrap();
    assert!(!reading["findings"].as_array().unwrap().is_empty(), "{reading}");

    let line = tokio::time::timeout(LIMIT, told.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.starts_with("default ") && line.contains(" report-1 hilum-report/"), "{line}");
    let receiver = http_client().build().unwrap();
    let forged =
        receiver.post(&hooks).header("Hilum-Signature", "t=1,v1=00").body("{}").send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
}
