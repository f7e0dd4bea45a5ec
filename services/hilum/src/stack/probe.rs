//! Whether the parts of the stack are ready, asked of each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use hilum_runtime::Readiness;
use hilum_runtime::http_client;
use hilum_servers::http_status;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ports::PortCell;

/// A part that takes longer to answer is not ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Asks a Postgres server whether it speaks TLS: the one question that needs no password.
const POSTGRES_TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// How a part is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeKind {
    /// `/healthz` of the monitoring port.
    Nats,
    /// A first word of its protocol.
    Postgres,
    /// `/readyz`.
    Service,
}

#[derive(Debug)]
struct Probe {
    name: String,
    kind: ProbeKind,
    port: PortCell,
}

/// All parts that can be asked.
#[derive(Debug)]
pub(crate) struct Probes {
    probes: Vec<Probe>,
    http: reqwest::Client,
}

impl Default for Probes {
    fn default() -> Self {
        let http = http_client().build().expect("a client without settings of its own can be made");
        Self { probes: Vec::new(), http }
    }
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartReadiness {
    /// It can do its work.
    pub(crate) ready: bool,
    /// What it waits for, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) waiting_for: BTreeMap<String, String>,
    /// What somebody has to look at, though it does its work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) notes: BTreeMap<String, String>,
}

/// The answer of the base URL's `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StackReadiness {
    /// All parts are ready.
    pub(crate) ready: bool,
    /// What is missing, by `part/condition`.
    pub(crate) waiting_for: BTreeMap<String, String>,
    /// Each part.
    pub(crate) parts: BTreeMap<String, PartReadiness>,
}

impl Probes {
    /// Adds a part that is asked at `port`.
    pub(crate) fn add(&mut self, name: &str, kind: ProbeKind, port: PortCell) {
        self.probes.push(Probe { name: name.to_owned(), kind, port });
    }

    /// Asks all parts at once.
    pub(crate) async fn check(&self) -> StackReadiness {
        let asked = self.probes.iter().map(|probe| async {
            let answer = tokio::time::timeout(ANSWER_LIMIT, probe.ask(&self.http)).await;
            (probe.name.clone(), answer.unwrap_or_else(|_| not_ready("process", "does not answer")))
        });
        let parts: BTreeMap<_, _> = join_all(asked).await.into_iter().collect();
        let waiting_for: BTreeMap<_, _> = parts
            .iter()
            .flat_map(|(name, part)| part.waiting_for.iter().map(move |(what, why)| (name, what, why)))
            .map(|(name, what, why)| (format!("{name}/{what}"), why.clone()))
            .collect();
        StackReadiness { ready: parts.values().all(|part| part.ready), waiting_for, parts }
    }

    /// Asks until all are ready.
    pub(crate) async fn until_ready(&self) {
        while !self.check().await.ready {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Probe {
    async fn ask(&self, http: &reqwest::Client) -> PartReadiness {
        let Some(port) = self.port.get() else { return not_ready("process", "not started yet") };
        let answers = match self.kind {
            ProbeKind::Service => return service_readiness(http, port).await,
            ProbeKind::Nats => http_status(port, "/healthz").await == Some(200),
            ProbeKind::Postgres => postgres_answers(port).await.is_ok(),
        };
        if answers { ready() } else { not_ready("process", "does not answer") }
    }
}

async fn service_readiness(http: &reqwest::Client, port: u16) -> PartReadiness {
    let answer = http.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
    let Ok(answer) = answer else { return not_ready("process", "does not answer") };
    match answer.json::<Readiness>().await {
        Ok(Readiness { ready, waiting_for, notes }) => PartReadiness { ready, waiting_for, notes },
        Err(_) => not_ready("process", "answers something else than its readiness"),
    }
}

async fn postgres_answers(port: u16) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&POSTGRES_TLS_REQUEST).await?;
    stream.read_u8().await
}

fn ready() -> PartReadiness {
    PartReadiness { ready: true, waiting_for: BTreeMap::new(), notes: BTreeMap::new() }
}

fn not_ready(what: &str, why: &str) -> PartReadiness {
    let waiting_for = BTreeMap::from([(what.to_owned(), why.to_owned())]);
    PartReadiness { ready: false, waiting_for, notes: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn service_saying(readiness: Readiness) -> PortCell {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router =
            axum::Router::new().route("/readyz", axum::routing::get(move || async { axum::Json(readiness) }));
        tokio::spawn(async { axum::serve(listener, router).await });
        PortCell::at(port)
    }

    #[tokio::test]
    async fn the_stack_is_ready_when_every_part_is_and_says_what_is_missing_otherwise() {
        let notes = BTreeMap::from([("stuck studies".to_owned(), "1".to_owned())]);
        let good = Readiness { ready: true, waiting_for: BTreeMap::new(), notes };
        let loading = BTreeMap::from([("model".to_owned(), "loading".to_owned())]);
        let bad = Readiness { ready: false, waiting_for: loading, notes: BTreeMap::new() };
        let mut probes = Probes::default();
        probes.add("ingest", ProbeKind::Service, service_saying(good).await);
        assert!(probes.check().await.ready);
        probes.add("infer", ProbeKind::Service, service_saying(bad).await);
        probes.add("nats-server", ProbeKind::Nats, PortCell::default());
        let stack = probes.check().await;
        assert!(!stack.ready && stack.parts["ingest"].ready);
        assert_eq!(stack.parts["ingest"].notes["stuck studies"], "1");
        assert_eq!(stack.waiting_for["infer/model"], "loading");
        assert_eq!(stack.waiting_for["nats-server/process"], "not started yet");
    }
}
