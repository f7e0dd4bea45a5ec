//! The network between a service and a server that it needs: a TCP proxy within the test's process, with its
//! weather. Knows nothing of what it carries.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It carries everything at once.
    Clear,
    /// Open connections are closed, new ones are closed at once.
    Cut,
    /// Connections stay open and nothing arrives; what was sent arrives when the weather clears.
    Silent,
    /// Each chunk takes so much longer, both ways.
    Slow(Duration),
    /// Each connection is closed after so long.
    Flaky(Duration),
}

/// Carries connections to one port until dropped.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Starts to carry connections to `target` on loopback.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (weather, seen) = watch::channel(Weather::Clear);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, target, seen.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, weather, serving }
    }

    /// Where to connect instead.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the weather, for open connections too.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn carry(client: TcpStream, target: u16, weather: watch::Receiver<Weather>) {
    if *weather.borrow() == Weather::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    for socket in [&client, &server] {
        // Small messages go at once; a socket that is gone already says so when it is read.
        let _ = socket.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, weather.clone()) => {}
        () = pump(from_server, to_client, weather.clone()) => {}
        () = broken(weather) => {}
    }
}

async fn pump<R, W>(mut from: R, mut to: W, mut weather: watch::Receiver<Weather>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(len @ 1..) = from.read(&mut buffer).await else { return };
        passed(&mut weather).await;
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

/// Waits until a chunk may arrive.
async fn passed(weather: &mut watch::Receiver<Weather>) {
    loop {
        let now = *weather.borrow_and_update();
        match now {
            Weather::Silent if weather.changed().await.is_ok() => {}
            // The delay is the fault.
            Weather::Slow(delay) => return tokio::time::sleep(delay).await,
            _ => return,
        }
    }
}

/// Returns when the weather breaks the connection.
async fn broken(mut weather: watch::Receiver<Weather>) {
    loop {
        let now = *weather.borrow_and_update();
        let changed = match now {
            Weather::Cut => return,
            // The life of the connection is the fault.
            Weather::Flaky(life) => match tokio::time::timeout(life, weather.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
            _ => weather.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, behind a proxy.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Proxy::start(port).await
    }

    async fn answer(socket: &mut TcpStream) -> std::io::Result<u8> {
        socket.write_all(b"x").await?;
        socket.read_u8().await
    }

    async fn silent(socket: &mut TcpStream) -> bool {
        tokio::time::timeout(Duration::from_millis(100), answer(socket)).await.is_err()
    }

    #[tokio::test]
    async fn what_was_sent_into_silence_arrives_when_the_weather_clears() {
        let proxy = echo().await;
        let mut socket = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(answer(&mut socket).await.unwrap(), b'x');
        proxy.set(Weather::Silent);
        assert!(silent(&mut socket).await);
        proxy.set(Weather::Clear);
        assert_eq!(socket.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_cut_closes_open_connections_and_new_ones() {
        let proxy = echo().await;
        let mut socket = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        answer(&mut socket).await.unwrap();
        proxy.set(Weather::Cut);
        assert!(socket.read_u8().await.is_err());
        let mut late = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(answer(&mut late).await.is_err());
        proxy.set(Weather::Clear);
        let mut after = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(answer(&mut after).await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn bad_weather_delays_or_ends_connections() {
        let proxy = echo().await;
        proxy.set(Weather::Slow(Duration::from_millis(50)));
        let mut socket = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let begun = std::time::Instant::now();
        answer(&mut socket).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(100), "there and back");
        proxy.set(Weather::Flaky(Duration::from_millis(50)));
        assert!(socket.read_u8().await.is_err());
    }
}
