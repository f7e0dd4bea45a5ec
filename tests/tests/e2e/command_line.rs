//! The command line as an operator uses it, on a whole stack of its own.

use std::path::{Path, PathBuf};
use std::process::Output;

use hilum_servers::{TestFolder, wait_until};
use hilum_tests::{LIMIT, program, sample};
use serde_json::Value;
use tokio::process::Command;

pub(crate) struct Operator {
    pub(crate) folder: TestFolder,
    hilum: PathBuf,
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
}

impl Default for Operator {
    fn default() -> Self {
        Self::of(program("hilum"), Vec::new())
    }
}

impl Operator {
    /// Another program, which looks for the others beside it, and with these environment variables.
    pub(crate) fn of(hilum: PathBuf, environment: Vec<(&'static str, PathBuf)>) -> Self {
        Self { folder: TestFolder::new().unwrap(), hilum, environment }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("stack")
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.hilum);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
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
        // While announced images are missing, the quiet time ends no wait.
        std::fs::write(self.folder.path().join("sites.toml"), "[default]\ntime_limit_s = 600\n").unwrap();
        let up = ["up", "--detach", "--quiet-time-s", "0.5", "--infer-workers", "2", "--sites", "sites.toml"];
        let lines = self.json(&up).await;
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
    an_announced_study_is_reported_when_it_is_there(&operator, image).await;

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

async fn an_announced_study_is_reported_when_it_is_there(operator: &Operator, image: &str) {
    let other = sample("mhh_19073f37.png");
    let other = other.to_str().unwrap();
    operator.json(&["study", "manifest", "S-2", image, other]).await;
    operator.json(&["submit", image, "--study", "S-2", "--prior", "S-1", "--wait"]).await;
    operator.json(&["submit", other, "--study", "S-2", "--wait"]).await;
    operator.json(&["report", "S-2", "--format", "json", "-o", "report.json"]).await;
    let report = std::fs::read(operator.folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((&report["cause"], &report["revision"]), (&"expected".into(), &1.into()));
    assert_eq!(report["images"].as_array().unwrap().len(), 2, "it waited for the second");
    assert_eq!(report["comparison"]["study_ref"], "S-1");

    operator.json(&["submit", image, "--study", "S-3", "--expected", "2", "--wait"]).await;
    operator.json(&["study", "close", "S-3"]).await;
    operator.json(&["report", "S-3", "--format", "json", "-o", "report.json"]).await;
    let study = operator.json(&["study", "S-3"]).await;
    let newest = &study[0]["reports"][0];
    assert_eq!((&newest["cause"], &newest["complete"]), (&"closed".into(), &false.into()), "{newest}");
    assert_eq!(newest["missing"][0]["expected"], 2);
}

#[tokio::test]
async fn rules_of_sites_that_cannot_be_used_are_said_before_anything_starts() {
    let operator = Operator::default();
    std::fs::write(operator.folder.path().join("sites.toml"), "[default]\nquiet_time = 1\n").unwrap();
    let refused = operator.run(&["up", "--detach", "--sites", "sites.toml"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("line 2") && said.contains("`quiet_time`"), "{said}");
    assert!(!operator.state().join("stack.json").exists(), "nothing was started");
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
