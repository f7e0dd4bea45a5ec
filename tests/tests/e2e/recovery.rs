//! A start, and a start again, with a server that takes its time and services that hang or end: uploads are taken as soon
//! as the log and the storage take facts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::Operator;
use crate::steps::{another, send_to};

const IMAGE: &str = "mhh_90070cbc_gray_q40.jpg";
/// Longer than a start says nothing, and than a limit on it that a test could wait for.
const RECOVERY_S: &str = "4";

/// Programs beside one another as `hilum` finds them; a test puts its own in the place of some.
struct Programs(TempDir);

impl Programs {
    fn new() -> Self {
        let hilum = program("hilum");
        let built = hilum.parent().unwrap();
        // On the same file system, for a link: `hilum` looks beside the file that it is.
        let folder = TempDir::new_in(built).unwrap();
        std::fs::hard_link(&hilum, folder.path().join("hilum")).unwrap();
        for service in ["ingest", "dedupe", "infer", "model", "report", "projection", "sweep"] {
            let name = format!("hilum-{service}");
            std::os::unix::fs::symlink(built.join(&name), folder.path().join(&name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a shell script in the place of a program, for its next start.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let (path, fresh) = (self.path(name), self.path("fresh"));
        std::fs::write(&fresh, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(fresh, &path).unwrap();
        path
    }

    /// The real one again, for its next start.
    fn restore(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
        std::os::unix::fs::symlink(program(name), self.path(name)).unwrap();
    }

    /// A nats-server that takes so long to recover as `delay` says.
    fn slow_nats(&self, delay: &Path) -> PathBuf {
        let real = std::env::var("HILUM_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let wait = format!("case \"$1\" in -c) sleep $(cat {});; esac", delay.display());
        self.script("slow-nats-server", &format!("{wait}\nexec {real} \"$@\""))
    }
}

/// Programs of Postgres of which the server does not start before the file `go` is beside them. Everybody may pass there.
fn gated_postgres(folder: &Path) -> PathBuf {
    let real =
        PathBuf::from(std::env::var_os("HILUM_POSTGRES_BIN").expect("`make test` says where Postgres is"));
    let gated = folder.join("postgres-programs");
    std::fs::create_dir(&gated).unwrap();
    for name in ["initdb", "pg_isready"] {
        std::os::unix::fs::symlink(real.join(name), gated.join(name)).unwrap();
    }
    let (server, go) = (real.join("postgres"), gated.join("go"));
    let wait = format!("case $1 in -D) while [ ! -e {} ]; do sleep 0.1; done;; esac", go.display());
    let script = format!("#!/bin/sh\n{wait}\nexec {} \"$@\"\n", server.display());
    std::fs::write(gated.join("postgres"), script).unwrap();
    std::fs::set_permissions(gated.join("postgres"), std::fs::Permissions::from_mode(0o755)).unwrap();
    gated
}

fn part(operator: &Operator, name: &str) -> (i32, u64) {
    let state = std::fs::read(operator.state().join("stack.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let part = state["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap();
    (i32::try_from(part["pid"].as_i64().unwrap()).unwrap(), part["restarts"].as_u64().unwrap())
}

async fn page(url: String) -> (StatusCode, Value) {
    let answer = hilum_runtime::http_client().build().unwrap().get(url).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn takes(base: &str, mark: &str) -> bool {
    let answer = send_to(base, &another(IMAGE, mark), "S-1").await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::ACCEPTED)
}

fn says(why: &Value, words: &[&str]) {
    let why = why.as_str().unwrap_or_default();
    assert!(words.iter().all(|word| why.contains(word)), "{why}");
}

#[tokio::test]
async fn uploads_are_taken_as_soon_as_the_log_has_recovered_whatever_else_hangs_or_ends() {
    let programs = Programs::new();
    let delay = programs.path("delay");
    std::fs::write(&delay, RECOVERY_S).unwrap();
    let nats = programs.slow_nats(&delay);
    programs.script("hilum-report", "case $1 in --version) exit 1;; esac; exec sleep 600");
    let ends = "echo 'Error: cannot fold the event at position 7' >&2; exit 1";
    programs.script("hilum-sweep", ends);
    let mut operator = Operator::of(programs.path("hilum"), vec![("HILUM_NATS_SERVER", nats)]);
    let postgres = gated_postgres(operator.folder.path());
    operator.environment.push(("HILUM_POSTGRES_BIN", postgres.clone()));

    let told = operator.json(&["up", "--detach", "--ready-limit-s", "1"]).await;
    let waiting = told.iter().find(|line| line["event"] == "waiting").expect("it says what it waits for");
    says(&waiting["waiting_for"]["nats-server/process"], &["recovering", " s, "]);
    let open = told.last().unwrap();
    assert_eq!(open["event"], "open", "{told:?}");
    let base = open["base_url"].as_str().unwrap();
    says(&open["waiting_for"]["postgres/process"], &["recovering"]);
    says(&open["waiting_for"]["report/process"], &["starting for"]);
    says(&open["waiting_for"]["sweep/process"], &["ended", "exit status: 1", "event at position 7"]);

    assert!(takes(base, "first").await);
    let (status, readiness) = page(format!("{base}/readyz")).await;
    assert_eq!((status, &readiness["takes_uploads"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::Bool(true)));
    assert_eq!(page(format!("{base}/readyz/uploads")).await.0, StatusCode::OK);
    let doctor = operator.run(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("event at position 7"), "{doctor}");

    std::fs::write(postgres.join("go"), "").unwrap();

    let (nats, _) = part(&operator, "nats-server");
    kill(Pid::from_raw(nats), Signal::SIGKILL).unwrap();
    let recovers = || async {
        let (_, readiness) = page(format!("{base}/readyz")).await;
        let why = readiness["waiting_for"]["nats-server/process"].as_str().unwrap_or_default().to_owned();
        why.contains("recovering") && why.contains("ended once") && readiness["takes_uploads"] == false
    };
    assert!(wait_until(LIMIT, recovers).await);
    assert!(wait_until(LIMIT, || takes(base, "second")).await);
    assert_eq!(part(&operator, "nats-server").1, 1, "it was started again once and left alone");

    // What hung and what ended gets ready without a word to anybody.
    programs.restore("hilum-report");
    programs.restore("hilum-sweep");
    kill(Pid::from_raw(part(&operator, "report").0), Signal::SIGKILL).unwrap();
    let ready = || async { page(format!("{base}/readyz")).await.0 == StatusCode::OK };
    assert!(wait_until(LIMIT, ready).await, "{:?}", page(format!("{base}/readyz")).await);
    operator.json(&["down"]).await;
}

#[tokio::test]
async fn a_log_server_that_ends_while_it_starts_is_said_at_once_with_its_last_words() {
    let programs = Programs::new();
    let nats = programs.script("broken-nats-server", "echo 'the store is damaged'; exit 3");
    let operator = Operator::of(programs.path("hilum"), vec![("HILUM_NATS_SERVER", nats)]);
    let refused = operator.run(&["up", "--detach"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("nats-server") && said.contains("the store is damaged"), "{said}");
}
