//! A service whose standard error is a full pipe that nobody reads works, stops, and says later what is missing. The
//! service is this program once more, so that it has a standard error of its own.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::Parser;
use hilum_runtime::{Service, ServiceError, ServiceSettings};
use hilum_servers::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(120);
/// Lines that one request logs: with twenty requests several times what is kept.
const LINES: usize = 2000;
const REQUESTS: usize = 20;
const ADDRESS: &str = "HILUM_TEST_ADDRESS";

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    service: ServiceSettings,
}

/// Not a test: the service that the tests start.
#[test]
#[ignore = "started by the other tests"]
fn service() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let Typed { service: settings } = Typed::parse_from(["test", "--listen", &address]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served: Result<(), ServiceError> = runtime.block_on(async {
        let service = Service::start("chatty", &settings)?;
        let api = Router::new().route("/work", get(work)).route("/panic", get(fall));
        let shutdown = service.shutdown.clone();
        let work = async move {
            shutdown.cancelled().await;
            Ok::<_, ServiceError>(())
        };
        service.run(api, Duration::from_secs(1), work).await
    });
    served.unwrap();
}

async fn work() -> String {
    for number in 0..LINES {
        tracing::info!(number, filling = "x".repeat(200), "a line");
    }
    LINES.to_string()
}

async fn fall() {
    // What the pages of a service do not survive is one task.
    let fallen = tokio::spawn(async { panic!("on purpose") }).await;
    assert!(fallen.is_err());
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let held = runtime.block_on(wait_until(LIMIT, || std::future::ready(condition())));
    assert!(held, "waited in vain for {what}");
}

struct Chatty {
    child: Child,
    address: SocketAddr,
}

impl Chatty {
    /// With a standard error that is full from the start.
    fn start() -> (Self, PipeReader) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let capacity = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
        writer.write_all(&vec![b'\n'; capacity as usize]).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "service", "--nocapture", "--test-threads", "1"])
            .env(ADDRESS, address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writer)
            .spawn()
            .unwrap();
        let chatty = Self { child, address };
        wait_for("the service to come up", || chatty.get("/livez").is_some());
        (chatty, reader)
    }

    /// The body of an answer; `None` if there is none.
    fn get(&self, path: &str) -> Option<String> {
        let mut connection = std::net::TcpStream::connect(self.address).ok()?;
        connection.set_read_timeout(Some(LIMIT)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }

    fn work(&self) {
        for _ in 0..REQUESTS {
            assert!(self.get("/work").unwrap().contains(&LINES.to_string()));
        }
    }

    fn dropped(&self) -> u64 {
        let page = self.get("/metrics").unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix("hilum_log_lines_dropped_total "));
        line.unwrap().parse().unwrap()
    }

    /// Asks it to stop; it must do so by itself.
    fn stop(mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        let mut ended = None;
        wait_for("the service to stop", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success(), "{ended:?}");
    }
}

impl Drop for Chatty {
    fn drop(&mut self) {
        // It has ended unless the test failed.
        let _ = self.child.kill();
    }
}

#[test]
fn a_service_works_and_stops_while_its_log_is_a_full_pipe_that_nobody_reads() {
    let (service, pipe) = Chatty::start();
    service.work();
    assert!(service.get("/panic").is_some());
    let dropped = service.dropped();
    assert!((1..=(LINES * REQUESTS + 100) as u64).contains(&dropped), "{dropped}");
    service.stop();
    drop(pipe);
}

#[test]
fn when_the_log_flows_again_it_says_how_many_lines_are_missing() {
    let (service, pipe) = Chatty::start();
    service.work();
    let dropped = service.dropped();
    let (tell, told) = channel();
    let reading = std::thread::spawn(move || {
        let mut written = 0;
        for line in BufReader::new(pipe).lines() {
            let line = line.unwrap();
            written += u64::from(line.contains("\"a line\""));
            if line.contains("log lines were dropped") {
                tell.send(line).unwrap();
            }
        }
        written
    });
    let told = told.recv_timeout(LIMIT).unwrap();
    assert!(told.contains(&format!("\"lines\":{dropped}")), "{told}");
    service.stop();
    let written = reading.join().unwrap();
    assert_eq!(written + dropped, (LINES * REQUESTS) as u64, "each line is written or counted");
}
