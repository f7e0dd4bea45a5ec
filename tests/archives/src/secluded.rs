//! Servers of others that listen on every interface and can't be told otherwise: each runs in a network of its own, of
//! which only loopback ports here lead to it. For tests. Needs `unshare` of util-linux and Python 3.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use hilum_servers::wait_until;

const SCRIPT: &str = include_str!("secluded.py");
const NETWORK: [&str; 6] = ["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];

/// A running server. Dropping it kills the server.
#[derive(Debug)]
pub(crate) struct Secluded {
    ports: Vec<u16>,
    _child: Child,
    _relays: JoinSet<()>,
}

impl Secluded {
    /// Whether networks can be made here: some machines keep that from ordinary users.
    pub(crate) fn is_possible() -> BoxFuture<'static, bool> {
        Box::pin(async move {
            let tried = Command::new("unshare").args(NETWORK).arg("true").output().await;
            tried.is_ok_and(|tried| tried.status.success())
        })
    }

    /// Starts `command`, which listens at `inner_ports` of its own network, and waits until it does at all of them.
    /// Sockets and its log (`log`) come into `folder`, whose path must be short.
    ///
    /// # Errors
    /// When it can't be run, or does not listen in time: [`io::ErrorKind::TimedOut`].
    pub(crate) fn start<'a>(
        command: &'a [&'a str],
        inner_ports: &'a [u16],
        folder: &'a Path,
    ) -> BoxFuture<'a, io::Result<Self>> {
        Box::pin(async move {
            const LIMIT: Duration = Duration::from_secs(30);
            let log = std::fs::File::create(folder.join("log"))?;
            let child = Command::new("unshare")
                .args(NETWORK)
                .args(["python3", "-c", SCRIPT])
                .arg(folder)
                .args(inner_ports.iter().map(u16::to_string))
                .arg("--")
                .args(command)
                // It ends when this is closed, however this program ends.
                .stdin(Stdio::piped())
                .stdout(log.try_clone()?)
                .stderr(log)
                .process_group(0)
                .kill_on_drop(true)
                .spawn()?;
            let sockets: Vec<PathBuf> =
                inner_ports.iter().map(|port| folder.join(port.to_string())).collect();
            if !wait_until(LIMIT, || async { sockets.iter().all(|socket| socket.exists()) }).await {
                let log = folder.join("log").display().to_string();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("it does not listen; see {log}"),
                ));
            }
            let (mut ports, mut relays) = (Vec::new(), JoinSet::new());
            for socket in sockets {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                ports.push(listener.local_addr()?.port());
                relays.spawn(relay(listener, socket));
            }
            Ok(Self { ports, _child: child, _relays: relays })
        })
    }

    /// Where it is reached on loopback, in the order of its inner ports.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }
}

/// Hands each connection on. One whose server has gone is closed.
async fn relay(listener: TcpListener, socket: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((mut outer, _)) = listener.accept().await {
        let socket = socket.clone();
        connections.spawn(async move {
            if let Ok(mut inner) = UnixStream::connect(&socket).await {
                // Either side ends it as it likes.
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
    }
}
