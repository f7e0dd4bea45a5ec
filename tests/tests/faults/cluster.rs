//! The same load on three nodes that each keep all streams: any one may go, and with two gone nothing is taken
//! until one is back.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use async_nats::jetstream;
use futures::FutureExt as _;
use hilum_events::Way;
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Network, Stack, StackOptions};
use nix::sys::signal::Signal;

use crate::batch::options;
use crate::course::{Course, Outcome};
use crate::strike::hold;
use crate::table::Table;

const NODES: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Fault {
    LeaderKilled,
    RollingRestart,
    NodeWiped,
    QuorumLost,
}

#[tokio::test]
async fn three_nodes_survive_the_loss_of_any_one_and_wait_out_the_loss_of_two() {
    let options = StackOptions { nats_nodes: NODES, network: Network::Direct, ..options() };
    let mut course = Course::new(Stack::start(options).await, None);
    let mut table = Table::default();
    let faults = [Fault::LeaderKilled, Fault::RollingRestart, Fault::NodeWiped, Fault::QuorumLost];
    for (seed, fault) in (1..).zip(faults) {
        let ran = AssertUnwindSafe(run(&mut course, seed, fault)).catch_unwind().await;
        let outcome = ran.unwrap_or_else(|_| Outcome::broken_off());
        table.note(seed, &format!("{fault:?}"), format!("three nodes: {fault:?}"), &outcome);
        if !outcome.violations.is_empty() {
            course.stack.keep();
            break;
        }
    }
    table.print();
    table.save("faults-cluster.json");
    assert!(table.failures.is_empty(), "{:#?}", table.failures);
}

async fn run(course: &mut Course, seed: u64, fault: Fault) -> Outcome {
    let mut under_load = course.load(seed, None);
    under_load.begin();
    hold(500).await;
    let stack = &mut course.stack;
    match fault {
        Fault::LeaderKilled => {
            let leader = leader(stack).await;
            stack.end_nats_node(leader, Signal::SIGKILL).await;
            hold(3000).await;
            stack.start_nats_node(leader).await;
        }
        Fault::RollingRestart => {
            for node in 0..NODES {
                stack.end_nats_node(node, Signal::SIGTERM).await;
                stack.start_nats_node(node).await;
            }
        }
        Fault::NodeWiped => {
            let leader = leader(stack).await;
            stack.end_nats_node(leader, Signal::SIGKILL).await;
            stack.wipe_nats_node(leader);
            hold(2000).await;
            stack.start_nats_node(leader).await;
        }
        Fault::QuorumLost => {
            // What lies in a bucket needs no log for it.
            let told = || {
                let attempts = under_load.sender.journal.attempts();
                attempts.iter().filter(|it| it.way != Way::S3 && it.answer.is_accepted()).count()
            };
            let before = told();
            stack.end_nats_node(1, Signal::SIGKILL).await;
            stack.end_nats_node(2, Signal::SIGKILL).await;
            hold(4000).await;
            // What was acknowledged in the moment of the kill may still be counted.
            let during = told() - before;
            assert!(during <= 3, "{during} images were accepted without a quorum");
            stack.start_nats_nodes(&[1, 2]).await;
        }
    }
    let healed = Instant::now();
    under_load.finish().await;
    course.stack.wait_ready().await;
    all_current(&course.stack).await;
    let mut drained = course.drain(&under_load).await;
    let drained_in = healed.elapsed();
    let mut outcome = course.judge(under_load, BTreeSet::new(), 0).await;
    outcome.violations.append(&mut drained);
    Outcome { drained_in, ..outcome }
}

/// The node that leads the event stream.
async fn leader(stack: &Stack) -> usize {
    let client = async_nats::connect(stack.nats_url(0)).await.unwrap();
    let stream = jetstream::new(client).get_stream("EVENTS").await.unwrap();
    let leader = stream.cached_info().cluster.as_ref().unwrap().leader.clone().unwrap();
    let number: usize = leader.strip_prefix("node-").unwrap().parse().unwrap();
    number - 1
}

/// Waits until every node has all of the event stream.
async fn all_current(stack: &Stack) {
    let client = async_nats::connect(stack.nats_url(0)).await.unwrap();
    let context = jetstream::new(client);
    let current = || async {
        let Ok(stream) = context.get_stream("EVENTS").await else { return false };
        let Some(cluster) = stream.cached_info().cluster.clone() else { return false };
        cluster.replicas.len() == NODES - 1
            && cluster.replicas.iter().all(|peer| peer.current && !peer.offline)
    };
    assert!(wait_until(LIMIT, current).await, "a node does not catch up");
}
