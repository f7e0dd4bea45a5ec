//! Work that only some workers can do waits for one of them, is not tried before, and holds up nothing.

use std::sync::Arc;
use std::sync::Mutex;

use hilum_events::{Event, samples};
use hilum_log::{Failure, Handle, Log, Need, WorkConfig, WorkItem, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, bench, settled, work_config, work_until};

/// Has one model; jobs with odd numbers need the second one.
struct Worker {
    model: u128,
    taken: Mutex<Vec<u128>>,
    done: Mutex<Vec<u128>>,
}

fn model(number: u128) -> Need {
    Need::new(format!("model {number}"), &format!("model@{number}"))
}

impl Worker {
    fn with_model(model: u128) -> Arc<Self> {
        Arc::new(Self { model, taken: Mutex::default(), done: Mutex::default() })
    }

    fn done(&self) -> Vec<u128> {
        let mut done = self.done.lock().unwrap().clone();
        done.sort_unstable();
        done
    }
}

impl Handle for Worker {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let Event::ImageStored(stored) = &item.envelope.event else { panic!("filtered") };
        let number = stored.job_id.as_uuid().as_u128();
        self.taken.lock().unwrap().push(number);
        let wanted = 1 + number % 2;
        if wanted != self.model {
            return Err(Failure::Elsewhere { need: model(wanted) });
        }
        self.done.lock().unwrap().push(number);
        Ok(())
    }

    fn has(&self) -> Option<Need> {
        Some(model(self.model))
    }
}

async fn append(log: &Log, numbers: std::ops::RangeInclusive<u128>) {
    for number in numbers {
        log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
}

async fn waiting(log: &Log) -> u64 {
    log.unmet_needs().await.unwrap().iter().map(|unmet| unmet.waiting).sum()
}

#[tokio::test]
async fn what_no_worker_can_do_is_told_and_waits_without_a_try_until_one_comes() {
    let bench = bench().await;
    let log = &bench.log;
    append(log, 1..=6).await;
    // What is counted as a try is parked at once.
    let config = WorkConfig { max_tries: 1, ..work_config("dedupe") };
    for round in [1, 2] {
        // Also a worker that starts anew is not handed it again.
        let first = Worker::with_model(1);
        let rest = async || first.done().len() == 3 && waiting(log).await == 3 && settled(log).await;
        if round == 1 {
            work_until(log, first.clone(), &config, rest).await;
            assert_eq!(first.done(), [2, 4, 6]);
        } else {
            append(log, 8..=8).await;
            work_until(log, first.clone(), &config, async || first.done() == [8]).await;
            assert_eq!(*first.taken.lock().unwrap(), [8]);
        }
    }
    let unmet = log.unmet_needs().await.unwrap();
    assert_eq!(unmet.len(), 1);
    assert_eq!((unmet[0].need.as_str(), unmet[0].consumer.as_str()), ("model 2", "dedupe"));
    let since = unmet[0].since.unwrap();
    assert!(since >= log.at(1).await.unwrap().unwrap().stored_at);
    assert!(log.waits_for(&unmet[0], 5).await.unwrap() && !log.waits_for(&unmet[0], 6).await.unwrap());
    assert!(log.has_retry("dedupe", 5).await.unwrap(), "so the sweep leaves it alone");

    // Beside a worker that lacks it: straight to the one that has it.
    let (first, second) = (Worker::with_model(1), Worker::with_model(2));
    let shutdown = CancellationToken::new();
    let (one, two, ()) = tokio::join!(
        work(log, first.clone(), &config, &shutdown),
        work(log, second.clone(), &config, &shutdown),
        async {
            let done = async || second.done() == [1, 3, 5] && waiting(log).await == 0;
            assert!(wait_until(LIMIT, done).await, "{:?}", second.done());
            shutdown.cancel();
        }
    );
    one.unwrap();
    two.unwrap();
    assert_eq!(first.taken.lock().unwrap().len(), 0);
    assert!(!log.has_retry("dedupe", 5).await.unwrap());
    assert!(log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

#[tokio::test]
async fn many_that_wait_for_another_worker_hold_up_none_behind_them() {
    // More than a consumer may have in hand.
    const HELD: u128 = 600;
    let bench = bench().await;
    let log = &bench.log;
    for number in 0..HELD {
        append(log, 2 * number + 1..=2 * number + 1).await;
    }
    append(log, 2000..=2000).await;
    let first = Worker::with_model(1);
    let config = WorkConfig { max_tries: 1, concurrency: 16, ..work_config("dedupe") };
    work_until(log, first.clone(), &config, async || first.done() == [2000] && settled(log).await).await;
    assert_eq!(u128::from(waiting(log).await), HELD);
    assert!(log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}
