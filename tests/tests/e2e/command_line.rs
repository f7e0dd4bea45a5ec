//! The command line as an operator uses it, on a whole stack of its own.

use std::path::{Path, PathBuf};
use std::process::Output;

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, program, sample};
use serde_json::Value;
use tokio::process::Command;

pub(crate) struct Operator {
    pub(crate) folder: tempfile::TempDir,
}

impl Default for Operator {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl Operator {
    fn state(&self) -> PathBuf {
        self.folder.path().join("stack")
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("hilum"));
        command.args(arguments).arg("--state").arg(self.state()).current_dir(self.folder.path());
        tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap()
    }

    /// Runs a command that must succeed; gives the JSON objects it printed.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {text}{errors}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn up(&self) -> Value {
        let lines = self.json(&["up", "--detach", "--quiet-time-s", "0.5", "--infer-workers", "2"]).await;
        lines.into_iter().find(|line| line["event"] == "ready").unwrap()
    }
}

impl Drop for Operator {
    /// A failed test must not leave a stack behind.
    fn drop(&mut self) {
        let down = std::process::Command::new(program("hilum"))
            .arg("down")
            .arg("--state")
            .arg(self.state())
            .output();
        drop(down);
    }
}

#[tokio::test]
async fn a_stack_is_started_used_stopped_and_goes_on_where_it_was() {
    let operator = Operator::default();
    let ready = operator.up().await;
    assert_eq!(ready["untrained"], true);
    let pid = u32::try_from(ready["pid"].as_u64().unwrap()).unwrap();

    let image = sample("mhh_1479fa94.png");
    let broken = sample("truncated_jpeg.jpg");
    let (image, broken) = (image.to_str().unwrap(), broken.to_str().unwrap());
    let sent = operator.json(&["submit", image, "--study", "S-1", "--wait"]).await;
    let job = sent[0]["job_id"].as_str().unwrap();
    assert_eq!(sent[0]["status"], "COMPLETED", "{}", sent[0]);
    let failed = operator.run(&["submit", broken, "--wait"]).await;
    assert!(!failed.status.success(), "a job that failed is an exit code");

    operator.json(&["report", "S-1", "-o", "report.html"]).await;
    let page = std::fs::read_to_string(operator.folder.path().join("report.html")).unwrap();
    assert!(page.contains("UNTRAINED"));
    operator.json(&["doctor"]).await;
    assert_eq!(operator.json(&["study", "S-1"]).await.len(), 1);

    let second = operator.run(&["up", "--detach"]).await;
    assert!(!second.status.success(), "a folder has one stack");
    operator.json(&["down"]).await;
    assert!(!is_running(pid));
    assert!(!operator.run(&["doctor"]).await.status.success(), "a stack that is down is not healthy");

    operator.up().await;
    let known = operator.json(&["job", job]).await;
    assert_eq!(known[0]["job"]["status"], "COMPLETED", "{}", known[0]);
    operator.json(&["down"]).await;
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_process_behind() {
    let operator = Operator::default();
    let ready = operator.up().await;
    let pid = i32::try_from(ready["pid"].as_u64().unwrap()).unwrap();
    let children = children(pid);
    assert!(children.len() >= 7, "{children:?}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    let gone = || async { children.iter().all(|child| !is_running(*child)) };
    assert!(wait_until(LIMIT, gone).await, "{children:?}");
    operator.up().await;
    operator.json(&["down"]).await;
}

fn children(pid: i32) -> Vec<u32> {
    let listed = |task: &Path| std::fs::read_to_string(task.join("children")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let listed: String = tasks.map(|task| listed(&task.unwrap().path())).collect();
    listed.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn is_running(pid: u32) -> bool {
    // A process that has ended and was not yet collected by its parent runs no more.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
