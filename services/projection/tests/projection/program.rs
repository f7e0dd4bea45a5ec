//! The program as it is deployed: flags, pages, signals, and being killed.

use std::time::Duration;

use hilum_events::samples::{image_stored, inference_completed, inference_requested};
use hilum_servers::{Process, free_port, http_status, wait_until};
use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::harness::{DEADLINE, World};

struct Program {
    process: Process,
    port: u16,
}

impl Program {
    fn start(world: &World) -> Self {
        let port = free_port().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-projection"));
        command
            .env("HILUM_LISTEN", format!("127.0.0.1:{port}"))
            .env("HILUM_NATS_URL", world.nats.url())
            .env("HILUM_DATABASE_URL", world.database_url())
            .env("HILUM_STORE_URL", format!("file://{}/objects", world.folder().display()));
        let log = world.folder().join("projection.log");
        Self { process: Process::start("hilum-projection", command, &log).unwrap(), port }
    }

    async fn ready(&mut self) {
        let port = self.port;
        let ready = || async move { http_status(port, "/readyz").await == Some(200) };
        self.process.wait_ready(DEADLINE, ready).await.unwrap();
    }

    async fn has_metric(&self, line: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let Ok(page) = hilum_runtime::http_client().build().unwrap().get(url).send().await else {
            return false;
        };
        page.text().await.is_ok_and(|text| text.lines().any(|found| found == line))
    }
}

#[tokio::test]
async fn a_projection_killed_at_any_moment_ends_with_the_same_rows() {
    let world = World::start().await;
    for number in 1..=40 {
        let content = format!("content {number}");
        let story = [
            image_stored(number, &content, 0),
            inference_requested(number, &content, 1),
            inference_completed(number, &content, 2),
        ];
        world.append(&story).await;
        if number % 10 == 0 {
            let mut program = Program::start(&world);
            if number > 10 {
                program.ready().await;
            }
            program.process.signal(Signal::SIGKILL);
            program.process.wait().await.unwrap();
        }
    }

    let mut program = Program::start(&world);
    program.ready().await;
    let folded = wait_until(DEADLINE, || program.has_metric("hilum_projection_position 120")).await;
    assert!(folded, "see {}", world.folder().display());
    assert!(program.has_metric("hilum_projection_lag 0").await);
    let killed = world.dump().await;
    let status = program.process.stop(Signal::SIGTERM, Duration::from_secs(30)).await;
    assert_eq!(status.and_then(|status| status.code()), Some(0));

    world.sql("postgres", "DROP DATABASE hilum WITH (FORCE)").await;
    let fresh = world.projection().await;
    fresh.folded(120).await;
    assert_eq!(killed, world.dump().await);
}
