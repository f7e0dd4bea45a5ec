//! A request body whose rest is still read, and thrown away, when the service answered before it had all of it
//! (too large, wrong type). Many clients send everything before they look at the answer; if the connection were
//! closed on them they would never see why.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::StreamExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// Bytes that are read at most for the sake of the answer.
const LINGER_BYTES: usize = 1 << 30;
/// How long at most.
const LINGER_TIME: Duration = Duration::from_secs(20);

/// See above.
pub(super) struct LingeringBody {
    body: Body,
    ended: bool,
}

impl LingeringBody {
    pub(super) fn new(body: Body) -> Self {
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

async fn read_away(mut rest: axum::body::BodyDataStream) {
    let mut read_bytes = 0;
    while let Some(Ok(piece)) = rest.next().await {
        read_bytes += piece.len();
        if read_bytes > LINGER_BYTES {
            return;
        }
    }
}
