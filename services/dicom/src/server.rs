//! The port: connections come in, within bounds, and each gets a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hilum_runtime::{accept, find_out_the_dead};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::association::{Origin, serve};
use crate::config::Config;
use crate::door::Door;
use crate::tls::{Tls, shown};
use crate::waiting::{Waiting, WaitingRoom};
use crate::wire::{Connection, Wire};

/// Connections that may be without an association at a time.
const WAITING_MAX: usize = 512;
/// How long the words of an end may take after the drain limit.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The port of a door.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    waiting: WaitingRoom,
    drain_limit: Duration,
}

/// The port can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It can't be listened on.
    #[error("cannot listen on {address}; give another --dicom-listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl Server {
    /// Opens the port; nobody is served yet.
    ///
    /// # Errors
    /// When it can't be listened on.
    pub async fn bind(config: &Config, door: Door, Tls(tls): Tls) -> Result<Self, ServerError> {
        let address = config.dicom_listen;
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        tracing::info!(%address, tls = tls.is_some(), "listening for associations");
        if let Some(title) = door.entities.open()
            && !address.ip().is_loopback()
        {
            tracing::warn!(
                title,
                "anybody who reaches the port may send images to this title: it has no callers"
            );
        }
        let waiting = WaitingRoom::new(WAITING_MAX, door.limits.request);
        let drain_limit = config.service.drain_limit();
        Ok(Self { listener, address, tls, door: Arc::new(door), waiting, drain_limit })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`. Then nobody is let in any more, and associations have the drain limit to come to their end.
    pub async fn run(self, shutdown: &CancellationToken) {
        let associations = TaskTracker::new();
        // Cancelled for those that are there for too long.
        let given_up = CancellationToken::new();
        let accepting = async {
            loop {
                let stream = accept(&self.listener).await;
                find_out_the_dead(&stream);
                let Ok(peer) = stream.peer_addr() else { continue };
                let waiting = self.waiting.enter();
                let (door, tls, given_up) = (self.door.clone(), self.tls.clone(), given_up.clone());
                let shutdown = shutdown.clone();
                associations.spawn(async move {
                    tokio::select! {
                        () = serve_connection(&door, tls, (stream, peer), waiting, &shutdown) => {}
                        () = given_up.cancelled() => {}
                    }
                });
            }
        };
        let results = self.door.results.clone();
        let telling = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { results.keep_telling(&shutdown).await }
        });
        tokio::select! {
            () = accepting => {}
            () = shutdown.cancelled() => {}
        }
        drop(self.listener);
        associations.close();
        if timeout(self.drain_limit, associations.wait()).await.is_err() {
            tracing::warn!("associations broken off: they took longer than HILUM_DRAIN_LIMIT_S");
            given_up.cancel();
            let _ = timeout(LAST_WORDS, associations.wait()).await;
        }
        // What it has in hand is told again otherwise.
        let _ = timeout(LAST_WORDS, telling).await;
    }
}

async fn serve_connection(
    door: &Arc<Door>,
    tls: Option<TlsAcceptor>,
    (stream, peer): (TcpStream, SocketAddr),
    waiting: Waiting,
    shutdown: &CancellationToken,
) {
    let (sent_away, address) = (waiting.sent_away(), peer.ip().to_canonical());
    let serving = async {
        let (connection, certificate): (Box<dyn Connection>, _) = match tls {
            None => (Box::new(stream), None),
            Some(tls) => match timeout_at(waiting.deadline(), tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let certificate = shown(stream.get_ref().1.peer_certificates());
                    (Box::new(stream), certificate)
                }
                Ok(Err(_)) | Err(_) => {
                    metrics::counter!("hilum_dicom_associations_total", "ending" => "no-tls").increment(1);
                    tracing::info!(%address, "connection ended: it did not come to TLS");
                    return;
                }
            },
        };
        let mut wire = Wire::new(connection, door.limits.pdu_max);
        serve(door, &mut wire, Origin { address, certificate }, (waiting, shutdown)).await;
    };
    tokio::select! {
        () = serving => {}
        () = sent_away.cancelled() => {
            metrics::counter!("hilum_dicom_associations_total", "ending" => "crowded-out").increment(1);
        }
    }
}
