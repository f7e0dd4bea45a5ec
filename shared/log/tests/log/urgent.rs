//! What is urgent waits for no hand that other work holds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hilum_events::{Event, Priority, samples};
use hilum_log::{Failure, Handle, Log, WorkConfig, WorkItem, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, bench, work_config};

/// Sees urgent requests through at once, routine ones when the gate is open.
#[derive(Default)]
struct Flooded {
    /// Each message fails one time before.
    fails_first: bool,
    failed: Mutex<BTreeSet<u64>>,
    gate: CancellationToken,
    routine_begun: AtomicU64,
    urgent_done: AtomicU64,
}

impl Flooded {
    fn routine_begun(&self) -> u64 {
        self.routine_begun.load(Ordering::SeqCst)
    }

    fn urgent_done(&self) -> u64 {
        self.urgent_done.load(Ordering::SeqCst)
    }
}

impl Handle for Flooded {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let Event::InferenceRequested(request) = &item.envelope.event else { panic!("filtered") };
        if self.fails_first && self.failed.lock().unwrap().insert(item.recorded.seq) {
            return Err(Failure::Retry("no luck".into()));
        }
        if request.priority == Priority::Stat {
            self.urgent_done.fetch_add(1, Ordering::SeqCst);
        } else {
            self.routine_begun.fetch_add(1, Ordering::SeqCst);
            self.gate.cancelled().await;
        }
        Ok(())
    }
}

async fn request(log: &Log, number: u128, priority: Priority) {
    let mut envelope = samples::inference_requested(number, &format!("content {number}"), 0);
    let Event::InferenceRequested(request) = &mut envelope.event else { panic!("as made") };
    request.priority = priority;
    log.append(&envelope).await.unwrap();
}

async fn nothing_is_left(log: &Log) -> bool {
    let depths = log.queue_depths().await.unwrap();
    let mut depths = depths.iter().filter(|depth| depth.consumer.starts_with("infer"));
    depths.all(|depth| depth.waiting + depth.in_hand == 0)
}

/// Lets routine requests be taken until `held` of them hold what there is for them, then wants two urgent ones.
async fn urgent_ones_are_done_while_routine_ones_hold(handler: Flooded, routine: u128, held: u64) {
    let (bench, handler) = (bench().await, Arc::new(handler));
    for number in 1..=routine {
        request(&bench.log, number, Priority::Routine).await;
    }
    let consumers = ["infer-stat", "infer-routine"].map(str::to_owned).to_vec();
    // Hands are to become free by the gate alone.
    let config = WorkConfig { consumers, handle_limit: 2 * LIMIT, ..work_config("") };
    let shutdown = CancellationToken::new();
    let (worked, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        assert!(wait_until(LIMIT, async || handler.routine_begun() == held).await);
        for number in 1..=2 {
            request(&bench.log, routine + number, Priority::Stat).await;
        }
        assert!(wait_until(LIMIT, async || handler.urgent_done() == 2).await, "urgent ones wait");
        assert_eq!(handler.routine_begun(), held, "the reserve is not for routine ones");
        handler.gate.cancel();
        assert!(wait_until(LIMIT, async || nothing_is_left(&bench.log).await).await);
        shutdown.cancel();
    });
    worked.unwrap();
}

#[tokio::test]
async fn urgent_messages_are_handled_while_routine_ones_hold_all_hands() {
    let hands = work_config("").concurrency;
    urgent_ones_are_done_while_routine_ones_hold(Flooded::default(), 10, hands as u64).await;
}

#[tokio::test]
async fn urgent_retries_are_handled_while_routine_ones_hold_the_hands_for_retries() {
    // One of four may be a retry.
    let handler = Flooded { fails_first: true, ..Flooded::default() };
    urgent_ones_are_done_while_routine_ones_hold(handler, 3, 1).await;
}
