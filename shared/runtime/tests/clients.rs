//! Clients that leave something undone, on real connections.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use hilum_runtime::{ConnectionBounds, serve_http, strict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

/// What a client may be silent in most tests.
const SHORT: Duration = Duration::from_millis(100);
/// As good as never.
const LONG: Duration = Duration::from_secs(3600);
/// Long enough for a loaded machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose connections and whose bodies may be silent for so long; its address, and what stops it.
async fn serve(connections: Duration, bodies: Duration) -> (SocketAddr, CancellationToken) {
    let bounds = ConnectionBounds { silence_limit: connections, most: 3 };
    let length = async |body: Result<Bytes, _>| match body {
        Ok(body) => (StatusCode::OK, format!("{} bytes", body.len())),
        Err(_) => (StatusCode::BAD_REQUEST, "broken".to_owned()),
    };
    let router = Router::new().route("/length", post(length)).route("/here", get(|| async { "here" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(serve_http(listener, strict(router, bodies), bounds, stop.clone()));
    (address, stop)
}

async fn send(connection: &mut TcpStream, text: &str) {
    connection.write_all(text.as_bytes()).await.unwrap();
}

/// All that comes until the server closes the connection.
async fn until_closed(connection: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// The answer to a request on a connection of its own.
async fn answer(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    send(&mut connection, request).await;
    until_closed(&mut connection).await
}

#[tokio::test]
async fn a_body_that_stops_coming_is_answered_408_and_its_connection_closed() {
    let (address, _stop) = serve(LONG, SHORT).await;
    for begun in [
        "content-length: 10\r\n\r\nabc",
        "content-length: 10\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc",
    ] {
        let answer = answer(address, &format!("POST /length HTTP/1.1\r\nhost: a\r\n{begun}")).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("send it again"), "{answer}");
    }
}

#[tokio::test]
async fn a_slow_body_lives_however_long_it_takes_in_all() {
    let silence = Duration::from_secs(1);
    let (address, _stop) = serve(LONG, silence).await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    send(
        &mut connection,
        "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 8\r\n\r\n",
    )
    .await;
    let mut beats = interval(silence / 4);
    for _ in 0..8 {
        beats.tick().await;
        send(&mut connection, "a").await;
    }
    assert!(until_closed(&mut connection).await.ends_with("8 bytes"));
}

#[tokio::test]
async fn a_connection_without_a_whole_head_or_without_a_further_request_is_closed() {
    let (address, _stop) = serve(SHORT, LONG).await;
    assert_eq!(answer(address, "").await, "");
    assert_eq!(answer(address, "GET /here HTTP/1.1\r\nhost: a\r\nx-slow").await, "");
    assert!(answer(address, "GET /here HTTP/1.1\r\nhost: a\r\n\r\n").await.ends_with("here"));
}

#[tokio::test]
async fn a_connection_too_many_waits_and_is_served_when_another_ends() {
    let (address, _stop) = serve(LONG, LONG).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut connection = TcpStream::connect(address).await.unwrap();
        send(&mut connection, "GET /here HTTP/1.1\r\nhost: a\r\n\r\nGET").await;
        let mut answered = [0; 12];
        connection.read_exact(&mut answered).await.unwrap();
        silent.push(connection);
    }
    let mut next = TcpStream::connect(address).await.unwrap();
    send(&mut next, "GET /here HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut byte = [0];
    assert!(timeout(SHORT, next.read_exact(&mut byte)).await.is_err(), "it is not served yet");
    silent.pop();
    assert!(until_closed(&mut next).await.ends_with("here"));
}

#[tokio::test]
async fn a_stop_ends_connections_without_a_request_and_answers_the_others() {
    let (address, stop) = serve(LONG, LONG).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    send(&mut idle, "GET /here HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    send(&mut busy, "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
        .await;
    let mut goes_on = [0; 25];
    busy.read_exact(&mut goes_on).await.unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stop.cancel();
    assert!(until_closed(&mut idle).await.ends_with("here"));
    send(&mut busy, "abc").await;
    assert!(until_closed(&mut busy).await.ends_with("3 bytes"));
}

#[tokio::test]
async fn an_encoded_body_is_refused_415_and_a_control_character_in_an_address_400() {
    let (address, _stop) = serve(LONG, LONG).await;
    let post = |path: &str, encoding: &str| {
        let path = path.to_owned();
        let headers =
            format!("host: a\r\nconnection: close\r\ncontent-encoding: {encoding}\r\ncontent-length: 3\r\n");
        async move { answer(address, &format!("POST {path} HTTP/1.1\r\n{headers}\r\nabc")).await }
    };
    assert!(post("/length", "identity").await.ends_with("3 bytes"));
    for encoding in ["gzip", "identity, br", "aws-chunked"] {
        let answer = post("/length", encoding).await;
        assert!(
            answer.starts_with("HTTP/1.1 415 ") && answer.contains("accept-encoding: identity"),
            "{answer}"
        );
    }
    for path in ["/length%00", "/%00", "/length?x=%00", "/no/such/page%0a"] {
        assert!(post(path, "identity").await.starts_with("HTTP/1.1 400 "), "{path}");
    }
}
