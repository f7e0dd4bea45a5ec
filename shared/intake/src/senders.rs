//! How much one sender may send, where a door knows who sends: so that a flood from one leaves the others unharmed. A sender that
//! no door knows by name is held by what holds for its site. No IO.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::refusal::Refusal;

/// What a sender may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderBounds {
    /// Images a minute, with a minute's worth at once after a pause; none for as many as come.
    pub images_per_minute: Option<u32>,
    /// Images whose bytes come in at a time; none for as many as there are slots.
    pub images_at_once: Option<usize>,
    /// Bytes of those that came in and are not durable yet, of all its images together; none for as many as come.
    pub bytes_at_once: Option<u64>,
}

/// Holds every sender to what it may send. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SenderLimits {
    since: Instant,
    sent: Arc<Mutex<Senders>>,
}

/// An image that a sender has under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    limits: SenderLimits,
    sender: String,
    bytes: u64,
}

impl SenderLimits {
    /// Every sender may send so much.
    pub fn new(bounds: SenderBounds) -> Self {
        Self { since: Instant::now(), sent: Arc::new(Mutex::new(Senders::new(bounds))) }
    }

    /// An image of `sender` begins, if it may.
    pub(crate) fn begin(&self, sender: &str) -> Result<UnderWay, Refusal> {
        let begun = self.sent().begin(sender, self.since.elapsed());
        begun.map_err(|too_much| match too_much {
            TooMuch::Images { retry_after_s } => Refusal::SenderTooFast { retry_after_s },
            TooMuch::UnderWay => Refusal::SenderBusy,
        })?;
        Ok(UnderWay { limits: self.clone(), sender: sender.to_owned(), bytes: 0 })
    }

    fn sent(&self) -> MutexGuard<'_, Senders> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// So many more bytes of it came in.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.limits.sent().received(&self.sender, bytes as u64);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.limits.sent().end(&self.sender, self.bytes);
    }
}

/// Why a sender is to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TooMuch {
    /// It sent as many images as it may in a minute; it may send the next in so many seconds.
    Images { retry_after_s: u64 },
    /// As many of its images are under way as may be.
    UnderWay,
}

/// What the senders have sent. Times come in as arguments.
#[derive(Debug)]
struct Senders {
    bounds: SenderBounds,
    known: HashMap<String, Sent>,
}

/// Of one sender.
#[derive(Debug)]
struct Sent {
    /// Images that it may send at once, as of `at`.
    credit: f64,
    at: Duration,
    images: usize,
    bytes: u64,
}

impl Senders {
    fn new(bounds: SenderBounds) -> Self {
        Self { bounds, known: HashMap::new() }
    }

    /// An image of `sender` begins at time `now`, unless it has sent too much.
    fn begin(&mut self, sender: &str, now: Duration) -> Result<(), TooMuch> {
        let full = self.bounds.images_per_minute.map_or(f64::INFINITY, f64::from);
        let sent = self.known.get(sender);
        let (images, bytes) = sent.map_or((0, 0), |sent| (sent.images, sent.bytes));
        let many = self.bounds.images_at_once.is_some_and(|most| images >= most);
        let much = self.bounds.bytes_at_once.is_some_and(|most| bytes >= most);
        if many || much {
            return Err(TooMuch::UnderWay);
        }
        let credit = sent.map_or(full, |sent| sent.credit_at(now, full));
        if credit < 1.0 {
            let wait_s = (1.0 - credit) * 60.0 / full;
            return Err(TooMuch::Images { retry_after_s: wait_s.ceil().max(1.0) as u64 });
        }
        if sent.is_none() {
            self.forget_idle(now, full);
        }
        let credit = credit - 1.0;
        self.known.insert(sender.to_owned(), Sent { credit, at: now, images: images + 1, bytes });
        Ok(())
    }

    /// So many more bytes of an image of `sender` came in.
    fn received(&mut self, sender: &str, bytes: u64) {
        if let Some(sent) = self.known.get_mut(sender) {
            sent.bytes += bytes;
        }
    }

    /// An image of `sender` is not under way any more, of which so many bytes came in.
    fn end(&mut self, sender: &str, bytes: u64) {
        if let Some(sent) = self.known.get_mut(sender) {
            sent.images = sent.images.saturating_sub(1);
            sent.bytes = sent.bytes.saturating_sub(bytes);
        }
    }

    /// A sender that has nothing under way and its whole credit is as one that never came.
    fn forget_idle(&mut self, now: Duration, full: f64) {
        self.known.retain(|_, sent| sent.images > 0 || sent.credit_at(now, full) < full);
    }
}

impl Sent {
    fn credit_at(&self, now: Duration, full: f64) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        // Of no bound there is always enough.
        if full.is_infinite() { full } else { (self.credit + passed * full / 60.0).min(full) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: SenderBounds =
        SenderBounds { images_per_minute: Some(6), images_at_once: Some(2), bytes_at_once: Some(100) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_sender_has_a_minute_of_images_at_once_and_then_its_pace_and_others_are_unharmed() {
        let mut senders = Senders::new(SenderBounds { images_at_once: None, bytes_at_once: None, ..BOUNDS });
        for _ in 0..6 {
            senders.begin("a", at(0)).unwrap();
        }
        assert_eq!(senders.begin("a", at(0)), Err(TooMuch::Images { retry_after_s: 10 }));
        assert_eq!(senders.begin("a", at(4)), Err(TooMuch::Images { retry_after_s: 6 }));
        assert_eq!(senders.begin("b", at(4)), Ok(()));
        assert_eq!(senders.begin("a", at(10)), Ok(()));
        assert!(senders.begin("a", at(11)).is_err());
    }

    #[test]
    fn what_is_under_way_is_bounded_by_images_and_by_bytes_until_it_ends() {
        let mut senders = Senders::new(SenderBounds { images_per_minute: None, ..BOUNDS });
        senders.begin("a", at(0)).unwrap();
        senders.received("a", 99);
        senders.begin("a", at(0)).unwrap();
        assert_eq!(senders.begin("a", at(0)), Err(TooMuch::UnderWay));
        senders.received("a", 1);
        senders.end("a", 1);
        assert_eq!(senders.begin("a", at(0)), Ok(()), "99 bytes, one image");
        senders.end("a", 0);
        senders.received("a", 1);
        assert_eq!(senders.begin("a", at(0)), Err(TooMuch::UnderWay), "100 bytes");
        senders.end("a", 100);
        assert_eq!(senders.begin("a", at(0)), Ok(()));
    }

    #[test]
    fn senders_that_were_quiet_for_a_minute_are_forgotten() {
        let mut senders = Senders::new(BOUNDS);
        for number in 0..1000 {
            let name = format!("sender-{number}");
            senders.begin(&name, at(number)).unwrap();
            senders.end(&name, 0);
        }
        assert!(senders.known.len() < 62, "{}", senders.known.len());
    }

    #[test]
    fn without_bounds_nobody_waits_and_nobody_is_remembered() {
        let none = SenderBounds { images_per_minute: None, images_at_once: None, bytes_at_once: None };
        let mut senders = Senders::new(none);
        for number in 0..1000 {
            let name = format!("sender-{number}");
            senders.begin(&name, at(0)).unwrap();
            senders.end(&name, 0);
        }
        assert!(senders.known.len() <= 1, "{}", senders.known.len());
    }
}
