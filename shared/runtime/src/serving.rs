//! Serves HTTP on connections that are bounded: in number, and in the time that a client may leave one without a whole
//! request head or without a sign of life.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

/// Descriptors of a server that are kept for all but connections.
const RESERVED_FILES: u64 = 256;
/// When the system has no descriptor left, one may come free.
const PAUSE: Duration = Duration::from_secs(1);
/// A client that has died or was cut off is found out after some two minutes without a word.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 4;

/// What clients may leave undone.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    /// How long a connection may be without a whole request head, from its begin or from the last answer on.
    pub silence_limit: Duration,
    /// Connections at a time; more wait to be accepted.
    pub most: usize,
}

impl ConnectionBounds {
    /// Those of a process that may have `open_files` files and connections open, each of which takes `each` of them.
    pub fn within(open_files: u64, each: u64, silence_limit: Duration) -> Self {
        Self { silence_limit, most: crate::held_at_once(open_files, each, RESERVED_FILES) }
    }
}

/// Serves `router` until `shutdown`; requests in hand are answered, connections without one are closed.
///
/// # Errors
/// When the listener breaks.
pub fn serve_http(
    listener: TcpListener,
    router: Router,
    bounds: ConnectionBounds,
    shutdown: CancellationToken,
) -> BoxFuture<'static, io::Result<()>> {
    Box::pin(async move {
        let places = Arc::new(Semaphore::new(bounds.most));
        let connections = TaskTracker::new();
        let accepting = async {
            loop {
                let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
                let stream = accept(&listener).await;
                let (router, shutdown) = (router.clone(), shutdown.clone());
                connections.spawn(async move {
                    serve_connection(stream, router, bounds.silence_limit, shutdown).await;
                    drop(place);
                });
            }
        };
        let outcome = tokio::select! {
            outcome = accepting => outcome,
            () = shutdown.cancelled() => Ok(()),
        };
        drop(listener);
        connections.close();
        connections.wait().await;
        outcome
    })
}

/// The next connection. One that failed before it was accepted is passed over; when there is no descriptor left this waits for
/// one. Cancel safe.
pub fn accept(listener: &TcpListener) -> BoxFuture<'_, TcpStream> {
    Box::pin(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                // Of that connection alone.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionRefused
                            | io::ErrorKind::ConnectionAborted
                            | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    })
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    silence_limit: Duration,
    shutdown: CancellationToken,
) {
    find_out_the_dead(&stream);
    let service =
        service_fn(move |request: hyper::Request<Incoming>| router.clone().call(request.map(Body::new)));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(silence_limit);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error is the client's: it broke off, sent no HTTP or stayed silent. Who asked for something was answered.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Has the system end a connection whose client no longer answers. What can't be set leaves the connection as it was.
pub fn find_out_the_dead(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    // Also while an answer is on its way, which keepalive does not look after.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(KEEPALIVE_AFTER + KEEPALIVE_EVERY * KEEPALIVE_TRIES));
}
