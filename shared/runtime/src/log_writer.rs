//! Log lines on their way to standard error. Whoever logs only copies a line into memory; one thread writes. What it
//! writes to may be slow or stuck for ever (a pipe that nobody reads): then lines are dropped and counted, and nothing
//! else happens. Knows no format.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written, bytes: some ten thousand. The thread writes another as many at most.
const MOST_WAITING_BYTES: usize = 4 << 20;

/// Takes lines. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or it is over.
    came: Condvar,
    /// All is written and the thread has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    dropped_lines: u64,
    /// The thread waits; only then it costs something to wake it.
    is_idle: bool,
    is_closed: bool,
    has_ended: bool,
}

impl LogWriter {
    /// Starts the thread that writes to standard error.
    ///
    /// # Errors
    /// The system gives no thread or no other handle of standard error.
    pub(crate) fn to_standard_error() -> io::Result<Self> {
        // A handle of its own: a write that hangs must not hold the lock of the standard library's.
        let sink = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Self::to(sink)
    }

    fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self { shared: Arc::clone(&shared) };
        Builder::new().name("hilum-log".to_owned()).spawn(move || shared.write_on(sink))?;
        Ok(writer)
    }

    /// Lines that were dropped so far.
    pub(crate) fn dropped_lines(&self) -> u64 {
        self.shared.state().dropped_lines
    }

    /// Takes no more lines and waits until those that wait are written, `limit` at most. False if that was not enough.
    pub(crate) fn finish(&self, limit: Duration) -> bool {
        let mut state = self.shared.state();
        state.is_closed = true;
        self.shared.came.notify_one();
        let waited = self.shared.ended.wait_timeout_while(state, limit, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }
}

impl Write for LogWriter {
    /// One line as a whole, or none of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.state();
        if state.is_closed || state.waiting.len() + line.len() > MOST_WAITING_BYTES {
            state.dropped_lines += 1;
            return Ok(line.len());
        }
        state.waiting.extend_from_slice(line);
        if std::mem::take(&mut state.is_idle) {
            self.shared.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_on(&self, mut sink: impl Write) {
        let (mut lines, mut told) = (Vec::new(), 0);
        while self.take(&mut lines) {
            if sink.write_all(&lines).and_then(|()| sink.flush()).is_err() {
                // The disk is full, or nobody will ever read: as good as dropped.
                self.state().dropped_lines += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
                continue;
            }
            told = self.tell_of_dropped(told);
        }
        self.state().has_ended = true;
        self.ended.notify_all();
    }

    /// Waits for lines and puts them into `lines`, whose memory is used for the next ones. False when it is over.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        lines.clear();
        let mut state = self.state();
        state.is_idle = true;
        let waited = self.came.wait_while(state, |state| state.waiting.is_empty() && !state.is_closed);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_idle = false;
        std::mem::swap(&mut state.waiting, lines);
        !lines.is_empty()
    }

    /// It flows again: one line says how many are missing before it. Returns how many were told of in all.
    fn tell_of_dropped(&self, told: u64) -> u64 {
        let (dropped, waiting_bytes) = {
            let state = self.state();
            (state.dropped_lines, state.waiting.len())
        };
        // Else this line would be dropped too, and wrong.
        let has_room = waiting_bytes < MOST_WAITING_BYTES / 2;
        if dropped == told || !has_room {
            return told;
        }
        let (lines, lines_in_all) = (dropped - told, dropped);
        tracing::warn!(lines, lines_in_all, "log lines were dropped: what takes them was too slow");
        dropped
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Writes one batch for each permission.
    struct Gate {
        permitted: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permitted.recv().map_err(io::Error::other)?;
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LogWriter, Sender<()>, Receiver<Vec<u8>>) {
        let ((permit, permitted), (written, read)) = (channel(), channel());
        (LogWriter::to(Gate { permitted, written }).unwrap(), permit, read)
    }

    #[test]
    fn lines_are_written_in_order_and_all_before_the_end() {
        let (mut writer, permit, read) = gated();
        for number in 0..1000 {
            writeln!(writer.make_writer(), "{number}").unwrap();
        }
        writer.flush().unwrap();
        (0..1000).for_each(|_| permit.send(()).unwrap());
        assert!(writer.finish(LIMIT));
        let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(read.try_iter().flatten().collect()).unwrap(), expected);
        assert_eq!(writer.dropped_lines(), 0);
    }

    #[test]
    fn a_stuck_sink_blocks_nobody_and_every_line_is_written_or_counted() {
        let (mut writer, permit, read) = gated();
        let line = [b"a".repeat(1023), b"\n".to_vec()].concat();
        let sent = 4 * MOST_WAITING_BYTES / line.len();
        for _ in 0..sent {
            writer.write_all(&line).unwrap();
        }
        assert!(!writer.finish(Duration::from_millis(1)), "nothing was written yet");
        let dropped = writer.dropped_lines() as usize;
        assert!((sent / 4..sent).contains(&dropped), "{dropped} of {sent}");
        for _ in 0..2 {
            // There is only one batch, and nobody who asks for the second permission, if the writer began late.
            let _ = permit.send(());
        }
        assert!(writer.finish(LIMIT));
        let written = read.try_iter().flatten().filter(|byte| *byte == b'\n').count();
        assert_eq!(written + dropped, sent);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (mut writer, permit, read) = gated();
        drop((permit, read));
        writer.write_all(b"a\n").unwrap();
        assert!(writer.finish(LIMIT));
        assert_eq!(writer.dropped_lines(), 1);
    }
}
