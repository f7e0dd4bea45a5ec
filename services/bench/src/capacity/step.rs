//! So many senders for a while: each image is due at its time, whatever became of those before it.

use std::time::{Duration, Instant};

use hilum_client::Client;
use hilum_terminal::Output;
use tokio::task::JoinSet;

use super::super::contents::Contents;
use super::super::load::{SendOutcome, send};
use super::super::statistics::Latencies;
use crate::error::Error;

/// The p95 that a stack has to keep to hold its senders.
pub(super) const LIMIT: Duration = Duration::from_secs(1);
/// When as many images are on their way as are sent in so many seconds, the step is lost and is not measured to its end.
const LOST_AFTER_S: u32 = 3;
/// Images that may always be on their way.
const ALWAYS: usize = 16;

/// What all steps of one measurement have in common.
pub(super) struct Steps<'a> {
    pub(super) client: &'a Client,
    pub(super) contents: &'a Contents,
    pub(super) settle: Duration,
    pub(super) output: Output,
}

/// What became of the images that were due after the time to settle.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) senders: u32,
    pub(super) length: Duration,
    /// From when an image was due to its reading, in the order in which they were due.
    pub(super) read: Vec<Duration>,
    /// Refused because the box was full.
    pub(super) refused: usize,
    /// More images came than were read; the step was ended.
    pub(super) is_lost: bool,
}

struct Sent {
    due: Instant,
    outcome: SendOutcome,
    ended: Instant,
}

impl Step {
    /// From when an image was due to its reading.
    pub(super) fn latencies(&self) -> Option<Latencies> {
        Latencies::of(self.read.clone())
    }

    /// The latencies of the quarter `index` (0 to 3) of the images, in the order in which they were read.
    pub(super) fn quarter(&self, index: usize) -> Option<Latencies> {
        let size = self.read.len() / 4;
        Latencies::of(self.read.get(index * size..(index + 1) * size)?.to_vec())
    }

    /// Whether what is promised was kept.
    pub(super) fn is_held(&self) -> bool {
        let is_fast = self.latencies().is_some_and(|latencies| latencies.p95() < LIMIT);
        is_fast && self.refused == 0 && !self.is_lost
    }
}

impl Steps<'_> {
    /// Ends early when it is clear that it is too much.
    pub(super) async fn run(&self, senders: u32, length: Duration) -> Result<Step, Error> {
        let most = ALWAYS + (senders as usize) * LOST_AFTER_S as usize;
        self.run_with(senders, length, most).await
    }

    /// Runs the step to its end, however many images are on their way.
    pub(super) async fn run_whatever_comes(&self, senders: u32, length: Duration) -> Result<Step, Error> {
        self.run_with(senders, length, usize::MAX).await
    }

    async fn run_with(&self, senders: u32, length: Duration, most: usize) -> Result<Step, Error> {
        let whole = self.settle + length;
        let bar = self.output.progress(whole.as_secs() as usize, "sending");
        let gap = Duration::from_secs(1) / senders.max(1);
        let began = Instant::now();
        let (mut sending, mut sent) = (JoinSet::new(), Vec::new());
        let mut is_lost = false;
        for number in 0.. {
            let due = began + gap * number;
            if due >= began + whole || is_lost {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            bar.set_position(began.elapsed().as_secs());
            let (client, content) = (self.client.clone(), self.contents.next());
            sending.spawn(async move {
                let outcome = send(&client, &content).await?;
                Ok::<_, Error>(Sent { due, outcome, ended: Instant::now() })
            });
            while let Some(ended) = sending.try_join_next() {
                sent.push(done(ended)?);
            }
            is_lost = sending.len() > most;
        }
        while let Some(ended) = sending.join_next().await {
            sent.push(done(ended)?);
        }
        bar.finish_and_clear();
        judged(sent, began + self.settle, Step { senders, length, read: Vec::new(), refused: 0, is_lost })
    }
}

fn done(ended: Result<Result<Sent, Error>, tokio::task::JoinError>) -> Result<Sent, Error> {
    ended.map_err(|panic| Error::Unmeasured(panic.to_string()))?
}

/// What was due from `from` on.
fn judged(mut sent: Vec<Sent>, from: Instant, mut step: Step) -> Result<Step, Error> {
    sent.sort_by_key(|image| image.due);
    for image in sent.into_iter().filter(|image| image.due >= from) {
        match image.outcome {
            SendOutcome::Read(_) => step.read.push(image.ended - image.due),
            SendOutcome::Full => step.refused += 1,
            SendOutcome::Failed(why) => {
                return Err(Error::Unmeasured(format!("an image that should be read was not: {why}")));
            }
        }
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(read_ms: impl IntoIterator<Item = u64>) -> Step {
        let read = read_ms.into_iter().map(Duration::from_millis).collect();
        Step { senders: 1, length: LIMIT, read, refused: 0, is_lost: false }
    }

    #[test]
    fn a_step_is_held_when_its_p95_is_below_a_second_and_nothing_was_refused() {
        let fast = || step((0..100).map(|number| if number < 95 { 999 } else { 5000 }));
        assert!(fast().is_held());
        assert!(!Step { refused: 1, ..fast() }.is_held());
        assert!(!Step { is_lost: true, ..fast() }.is_held());
        assert!(!step((0..100).map(|number| if number < 94 { 10 } else { 1000 })).is_held());
        assert!(!step([]).is_held());
    }

    #[test]
    fn quarters_are_in_the_order_in_which_images_were_due() {
        let step = step(1..=8);
        assert_eq!(step.quarter(0).unwrap().longest().as_millis(), 2);
        assert_eq!(step.quarter(3).unwrap().longest().as_millis(), 8);
        assert!(super::Step { read: Vec::new(), ..step }.quarter(0).is_none());
    }
}
