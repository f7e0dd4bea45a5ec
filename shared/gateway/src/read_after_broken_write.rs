//! A connection to a service that goes on reading when it can no longer be written to. A service that refuses an
//! upload answers and closes while the rest of the upload is still on its way; its answer then lies ready in the
//! socket, but the HTTP client would give up at the first failed write and never look.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// Swallows what is written once a write failed; what becomes of the connection shows when it is read.
pub(crate) struct ReadAfterBrokenWrite<T> {
    connection: T,
    broken: bool,
}

impl<T> ReadAfterBrokenWrite<T> {
    pub(crate) fn new(connection: T) -> Self {
        Self { connection, broken: false }
    }

    fn swallow<V>(&mut self, outcome: io::Result<V>, swallowed: V) -> io::Result<V> {
        match outcome {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.broken = true;
                Ok(swallowed)
            }
            outcome => outcome,
        }
    }
}

impl<T: Read + Unpin> Read for ReadAfterBrokenWrite<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for ReadAfterBrokenWrite<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = ready!(Pin::new(&mut self.connection).poll_write(context, bytes));
        Poll::Ready(self.swallow(outcome, bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        if self.broken {
            return Poll::Ready(Ok(all));
        }
        let outcome = ready!(Pin::new(&mut self.connection).poll_write_vectored(context, slices));
        Poll::Ready(self.swallow(outcome, all))
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken {
            return Poll::Ready(Ok(()));
        }
        let outcome = ready!(Pin::new(&mut self.connection).poll_flush(context));
        Poll::Ready(self.swallow(outcome, ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.connection).poll_shutdown(context));
        Poll::Ready(self.swallow(outcome, ()))
    }
}

impl<T: Connection> Connection for ReadAfterBrokenWrite<T> {
    fn connected(&self) -> Connected {
        self.connection.connected()
    }
}
