//! Many runs over one stack; a stack in which something was found wrong is left for people to look at.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;
use hilum_servers::wait_until;
use hilum_tests::invariants::{Harm, Violation, rebuilt_equal};
use hilum_tests::{Desk, LIMIT, Network, Stack, StackOptions, StoreKind};
use nix::sys::signal::Signal;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sqlx::{Connection as _, PgConnection};

use crate::catalogue::{Fault, one_of_each_kind};
use crate::chronicle::{everything_said, folded_to};
use crate::course::{Course, Outcome};
use crate::log_harm::harm_log;
use crate::strike::Striker;
use crate::table::Table;

/// Short, so that a run can wait for it.
pub(crate) const ACK_WAIT_S: u64 = 3;
pub(crate) const DUPLICATE_WINDOW_S: u64 = 1;
/// Whose studies the rule flags: what waits of them is asked for again, as urgent, though it may be shared with other sites.
pub(crate) const RULED: [&str; 1] = ["north"];

pub(crate) fn options() -> StackOptions {
    let environment = [
        ("HILUM_INFER_THREADS", "1"),
        ("HILUM_HEADER_DECODERS", "1"),
        ("HILUM_IMAGE_DECODERS", "1"),
        ("HILUM_MAX_BATCH", "2"),
        ("HILUM_SWEEP_AFTER_S", "15"),
        ("HILUM_SWEEP_EVERY_S", "3"),
        ("HILUM_SWEEP_DEEP_EVERY_S", "60"),
        ("HILUM_WATCH_LIST_EVERY_S", "2"),
    ];
    let files = [
        ("HILUM_SITES", "pictures-join.toml"),
        ("HILUM_DICOM_AES", "ways/aes.toml"),
        ("HILUM_DICOMWEB_SENDERS", "ways/senders.toml"),
        ("HILUM_WATCHES", "ways/watches.toml"),
        ("HILUM_WATCH_TOKEN_FILE", "ways/store.token"),
    ];
    let data = hilum_tests::workspace().join("tests/data");
    let files = files.map(|(name, file)| (name, data.join(file).display().to_string()));
    StackOptions {
        store: StoreKind::S3,
        quiet_time_s: 0.3,
        copies: 2,
        ack_wait_s: Some(ACK_WAIT_S),
        duplicate_window_s: Some(DUPLICATE_WINDOW_S),
        network: Network::Proxied,
        environment: environment
            .map(|(name, value)| (name, value.to_owned()))
            .into_iter()
            .chain(files)
            .collect(),
        ..StackOptions::default()
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn seeds() -> Vec<u64> {
    let seed = number("HILUM_FAULT_SEED").unwrap_or(1);
    match number("HILUM_FAULT_RUNS") {
        Some(runs) => (seed..seed + runs).collect(),
        None => one_of_each_kind(seed),
    }
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_silent_whatever_fails() {
    let mut table = Table::default();
    let mut course: Option<Course> = None;
    for seed in seeds() {
        let mut at_hand = match course.take() {
            Some(course) => course,
            None => begin().await,
        };
        let (fault, second) = (Fault::of(seed), Fault::second_of(seed));
        let ran = AssertUnwindSafe(run(&mut at_hand, seed)).catch_unwind().await;
        let outcome = ran.unwrap_or_else(|_| Outcome::broken_off());
        let suffered = second.map_or(fault.to_string(), |second| format!("{fault}, and {second}"));
        table.note(seed, &suffered, fault.kind(), &outcome);
        if outcome.violations.is_empty() {
            course = Some(at_hand);
        } else {
            at_hand.stack.keep();
        }
    }
    if let Some(mut course) = course {
        table.note(0, "the tables made anew", "the tables made anew".to_owned(), &rebuild(&mut course).await);
    }
    table.print();
    table.save("faults.json");
    let again = "repeat one with HILUM_FAULT_RUNS=1 HILUM_FAULT_SEED=<seed>";
    assert!(table.failures.is_empty(), "{:#?}\n{again}", table.failures);
    assert!(table.read() > 0, "no image went through the model");
    let runs_of_each_way = 10;
    assert!(
        table.ways.len() == 4 || seeds().len() < runs_of_each_way,
        "images came by {:?} only",
        table.ways
    );
}

/// A stack that delivers to a desk, which remembers.
async fn begin() -> Course {
    let desk = Desk::open(0).await;
    let rule = format!("sites = {RULED:?}\nactions = ['raise-priority', 'notify']\ntargets = ['desk']");
    let mut options = options();
    options.environment.push(desk.setting(&rule));
    Course::new(Stack::start(options).await, Some(desk))
}

async fn run(course: &mut Course, seed: u64) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed);
    let mut under_load = course.load(seed, Fault::of(seed).way());
    let mut striker = Striker {
        fault: Fault::of(seed),
        second: Fault::second_of(seed),
        struck_second: None,
        stack: &mut course.stack,
        sender: &under_load.sender.clone(),
        plan: &under_load.plan.clone(),
        random: &mut random,
        after: under_load.after,
        damaged: BTreeMap::new(),
        victims: Vec::new(),
        armed: Vec::new(),
        missed: None,
    };
    striker.prepare().await;
    under_load.begin();
    striker.strike().await;
    let healed = Instant::now();
    under_load.finish().await;
    striker.haunt().await;
    let repeats = striker.repeats();
    let Striker { damaged, mut missed, .. } = striker;
    course.stack.wait_ready().await;
    let mut drained = course.drain(&under_load).await;
    let drained_in = healed.elapsed();
    if Fault::of(seed).is_of_the_log() && drained.is_empty() {
        missed = Box::pin(harm_log(course, &under_load, Fault::of(seed), &mut random)).await.err();
        drained = course.drain(&under_load).await;
    }
    let mut outcome = course.judge(under_load, damaged.keys().copied().collect(), repeats).await;
    for (content, bytes) in damaged {
        // As from a copy of the storage; else each later comparison of log and storage finds it again.
        std::fs::write(course.stack.object_file(&content), bytes).unwrap();
    }
    outcome.violations.append(&mut drained);
    // A fault that did not happen shows nothing.
    outcome.violations.extend(missed.map(|missed| Violation::new("run", Harm::Wrong, missed)));
    Outcome { drained_in, ..outcome }
}

/// I5: drops the tables and compares all that is said before and after.
async fn rebuild(course: &mut Course) -> Outcome {
    let begun = Instant::now();
    let facts = course.chronicle.facts.clone();
    let live = everything_said(&course.stack, &facts).await;
    let copies = course.stack.copies_of("projection");
    for copy in &copies {
        course.stack.end(copy, Signal::SIGTERM).await;
    }
    let mut database = PgConnection::connect(&course.stack.database_url()).await.unwrap();
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&mut database).await.unwrap();
    for copy in &copies {
        course.stack.start_again(copy).await;
    }
    course.stack.wait_ready().await;
    let last_seq = course.chronicle.last_seq();
    let stack = &course.stack;
    assert!(wait_until(LIMIT, || async { folded_to(stack).await >= Some(last_seq) }).await);
    let rebuilt = everything_said(&course.stack, &facts).await;
    let mut violations = rebuilt_equal(&live, &rebuilt);
    // The whole log once more, as it was read in pieces.
    let now = crate::chronicle::facts(&course.stack, 0).await.unwrap();
    violations.extend(hilum_tests::invariants::still_there(&course.chronicle.facts, &now));
    Outcome { violations, took: begun.elapsed(), ..Outcome::default() }
}
