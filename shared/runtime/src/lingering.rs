//! A request body whose rest is still read, and thrown away, when the service answered before it had all of it
//! (too large, wrong type). Many clients send everything before they look at the answer; if the connection were
//! closed on them they would never see why.

use std::future::{self, Ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use futures::StreamExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Bytes that are read at most for the sake of the answer.
const LINGER_BYTES: usize = 1 << 30;
/// How long at most.
const LINGER_TIME: Duration = Duration::from_secs(20);

/// A body that is read to its end, within limits, even when the service drops it.
pub struct LingeringBody {
    body: Body,
    ended: bool,
}

impl LingeringBody {
    /// Around the body of a request.
    pub fn new(body: Body) -> Self {
        Self { body, ended: false }
    }
}

impl HttpBody for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        if self.ended || self.body.is_end_stream() {
            return;
        }
        let rest = std::mem::take(&mut self.body).into_data_stream();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER_TIME, read_away(rest)));
        }
    }
}

/// Middleware: lets the body of each request linger.
pub fn linger(request: Request) -> Ready<Request> {
    future::ready(request.map(|body| Body::new(LingeringBody::new(body))))
}

async fn read_away(mut rest: axum::body::BodyDataStream) {
    let mut read_bytes = 0;
    while let Some(Ok(piece)) = rest.next().await {
        read_bytes += piece.len();
        if read_bytes > LINGER_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Reads until `text` has come.
    async fn read_until(connection: &mut TcpStream, text: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(text) {
            let byte = connection.read_u8().await.unwrap();
            read.push(byte);
        }
        String::from_utf8(read).unwrap()
    }

    #[tokio::test]
    async fn a_connection_outlives_an_answer_that_came_before_the_whole_body() {
        let refuse = || async { (StatusCode::UNSUPPORTED_MEDIA_TYPE, "refused") };
        let router = Router::new()
            .route("/early", post(refuse))
            .route("/next", get(|| async { "still here" }))
            .layer(axum::middleware::map_request(linger));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });

        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n";
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&[0; 1000]).await.unwrap();
        read_until(&mut connection, "refused").await;
        connection.write_all(&vec![0; 3_999_000]).await.unwrap();
        connection.write_all(b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        read_until(&mut connection, "still here").await;
        serving.abort();
    }
}
