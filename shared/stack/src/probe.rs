//! Whether the parts of the stack are ready, asked of each of them, and why not; whether uploads are taken.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use hilum_api::{PartReadiness, StackReadiness};
use hilum_gateway::{ReadinessProbe, service_readiness};
use hilum_runtime::http_client;
use hilum_servers::http_status;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ports::PortCell;
use super::programs::{DOOR, NATS};
use super::vitals::Vitals;

/// A part that takes longer to answer is not ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Asks a Postgres server, in version 3.0 of its protocol, to let `hilum` in: it asks for the password when it lets
/// anybody in, and says why not before.
const POSTGRES_LOGIN: &[u8] = b"\0\0\0\x23\0\x03\0\0user\0hilum\0database\0hilum\0\0";
/// What a server may keep itself busy with before it answers.
const RECOVERING: &str = "recovering what it has stored";
const STARTING: &str = "starting";
/// A note of a part that ended not long ago.
const ENDED: &str = "ended";

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
    vitals: Vitals,
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

impl Probes {
    /// Adds a part that is asked at `port`.
    pub(crate) fn add(&mut self, name: &str, kind: ProbeKind, port: PortCell, vitals: Vitals) {
        self.probes.push(Probe { name: name.to_owned(), kind, port, vitals });
    }

    /// Whether the server that keeps the log is healthy.
    pub(crate) async fn has_log(&self) -> bool {
        let nats = self.probes.iter().find(|probe| probe.name == NATS);
        match nats {
            Some(probe) => probe.readiness(&self.http).await.ready,
            None => false,
        }
    }
}

impl ReadinessProbe for Probes {
    fn check(&self) -> BoxFuture<'_, StackReadiness> {
        Box::pin(async move {
            let asked = self
                .probes
                .iter()
                .map(|probe| async { (probe.name.clone(), probe.readiness(&self.http).await) });
            StackReadiness::of(join_all(asked).await.into_iter().collect(), DOOR)
        })
    }
}

impl Probe {
    async fn readiness(&self, http: &reqwest::Client) -> PartReadiness {
        let asked = tokio::time::timeout(ANSWER_LIMIT, self.ask(http)).await;
        let Some(mut readiness) = asked.ok().flatten() else {
            let doing = match self.kind {
                ProbeKind::Service => STARTING,
                ProbeKind::Nats | ProbeKind::Postgres => RECOVERING,
            };
            return PartReadiness::without("process", &self.vitals.silence(doing));
        };
        if let Some(trouble) = self.vitals.trouble() {
            let told = if readiness.ready { &mut readiness.notes } else { &mut readiness.waiting_for };
            told.insert(ENDED.to_owned(), trouble);
        }
        readiness
    }

    /// What the part says; `None` when it says nothing.
    async fn ask(&self, http: &reqwest::Client) -> Option<PartReadiness> {
        let port = self.port.get()?;
        let answers = match self.kind {
            ProbeKind::Service => return service_readiness(http, &format!("127.0.0.1:{port}")).await,
            ProbeKind::Nats => http_status(port, "/healthz").await == Some(200),
            ProbeKind::Postgres => postgres_lets_in(port).await.unwrap_or(false),
        };
        answers.then(PartReadiness::ready)
    }
}

/// While it recovers, a Postgres server answers the login by an error (`E`), later by the question for a password (`R`).
async fn postgres_lets_in(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(POSTGRES_LOGIN).await?;
    Ok(stream.read_u8().await? == b'R')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hilum_api::{Progress, Readiness};

    use super::*;

    async fn says(readiness: Readiness) -> PortCell {
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
        let none = BTreeMap::new;
        let good = Readiness { ready: true, waiting_for: none(), progress: BTreeMap::new(), notes };
        let folding = BTreeMap::from([("caught up".to_owned(), "folding, 1 of 2".to_owned())]);
        let progress = BTreeMap::from([("caught up".to_owned(), Progress { done: 1, of: 2 })]);
        let bad = Readiness { ready: false, waiting_for: folding, progress, notes: none() };
        let mut probes = Probes::default();
        probes.add(DOOR, ProbeKind::Service, says(good.clone()).await, Vitals::default());
        assert!(probes.check().await.ready);
        assert!(!probes.has_log().await);
        let ended = Vitals::default();
        ended.ended("exit status: 1".to_owned());
        probes.add("report", ProbeKind::Service, says(bad).await, Vitals::default());
        probes.add("sweep", ProbeKind::Service, PortCell::at(1), ended.clone());
        ended.started(None, None);
        probes.add("projection", ProbeKind::Service, says(good).await, ended.clone());
        probes.add(NATS, ProbeKind::Nats, PortCell::default(), Vitals::default());
        let stack = probes.check().await;
        assert!(!stack.ready && stack.takes_uploads && stack.parts[DOOR].ready);
        assert_eq!(stack.parts[DOOR].notes["stuck studies"], "1");
        assert_eq!(stack.waiting_for["report/caught up"], "folding, 1 of 2");
        assert_eq!(stack.parts["report"].progress["caught up"].of, 2);
        assert_eq!(stack.waiting_for["nats-server/process"], "not started yet");
        let why = &stack.waiting_for["sweep/process"];
        assert!(
            why.contains("starting") && why.contains("ended once") && why.contains("exit status: 1"),
            "{why}"
        );
        let projection = &stack.parts["projection"];
        assert!(projection.ready && projection.notes[ENDED].contains("exit status: 1"), "{projection:?}");
        assert!(stack.words().contains("report/caught up (folding, 1 of 2)"), "{}", stack.words());
    }
}
