//! The body of a request that is told apart from one that merely takes its time: it ended early because its sender broke
//! off, or because no byte came for as long as the service waits.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a body has no end. It is among the causes of whatever error a reader of the body gives.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// Its sender is still connected and sends nothing.
    #[error("nothing came for {} s", limit.as_secs_f64())]
    Stalled {
        /// For so long.
        limit: Duration,
    },
    /// Its sender is gone, or sent less than it had announced.
    #[error("the sender broke off")]
    BrokenOff(#[source] axum::Error),
}

impl BodyFault {
    /// That which is among the causes of `error`.
    pub fn among<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<Self>())
    }
}

/// Whether a body stalled, for who did not read it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stall(Arc<AtomicBool>);

impl Stall {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that ends with a [`BodyFault`] when somebody has waited for its next bytes for the limit.
pub(crate) struct WatchedBody {
    body: Body,
    limit: Duration,
    stall: Stall,
    /// Runs while somebody waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl WatchedBody {
    pub(crate) fn new(body: Body, limit: Duration, stall: Stall) -> Self {
        Self { body, limit, stall, waiting: None }
    }

    /// A body of which no more can be expected, and the connection it came on.
    fn give_up(&mut self) -> axum::Error {
        self.body = Body::empty();
        self.stall.0.store(true, Ordering::Relaxed);
        axum::Error::new(BodyFault::Stalled { limit: self.limit })
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waiting = None;
            let frame =
                frame.map(|frame| frame.map_err(|error| axum::Error::new(BodyFault::BrokenOff(error))));
            return Poll::Ready(frame);
        }
        let deadline = Instant::now() + self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(self.give_up()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
