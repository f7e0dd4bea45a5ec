//! Harm to the log itself, when all that was sent has its end: a block that a disk has changed, an older copy in its place.
//! Somebody has to say so while it lasts; then the true log is brought back, as from a backup, and all goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::Way;
use hilum_log::SEAL_RECORD;
use hilum_servers::copy_folder;
use hilum_tests::{LIMIT, LoadPlan, Stack};
use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::catalogue::{Fault, Place};
use crate::course::{Course, UnderLoad};
use crate::strike::hold;

/// What a process says of a log that is not what it was.
const WRONG_LOG: [&str; 4] = ["hole", "ends at", "begins at", "another event"];

/// A server that was not ended by a fault recovers much sooner.
const RECOVERS: Duration = Duration::from_secs(15);

/// Inflicts the fault and heals it; an error when nobody said what is wrong.
pub(crate) async fn harm_log(
    course: &mut Course,
    under_load: &UnderLoad,
    fault: Fault,
    random: &mut StdRng,
) -> Result<(), &'static str> {
    let named = match fault {
        Fault::LogBitFlip { signal, place } => {
            bit_flip(course, under_load.after, (signal, place), random).await
        }
        _ => old_log(course, under_load, random).await?,
    };
    // What a service has read of the wrong log may end it a little later too.
    course.stack.wait_ready_supervised().await;
    if named { Ok(()) } else { Err("nobody said what is wrong with the log") }
}

async fn bit_flip(
    course: &mut Course,
    after: u64,
    (signal, place): (Signal, Place),
    random: &mut StdRng,
) -> bool {
    let subject = course.chronicle.after(after).choose(random).unwrap().subject.clone();
    let stack = &mut course.stack;
    stack.end_nats_node(0, signal).await;
    let backup = Backup::of(stack);
    flip(&backup.store, &subject, place, random).unwrap();
    let named = if stack.nats_recovers_within(RECOVERS).await {
        // Who has read on does not come by again; who begins anew does.
        let reader = stack.copies_of("report").choose(random).unwrap().clone();
        stack.end(&reader, Signal::SIGTERM).await;
        stack.start_again(&reader).await;
        somebody_says(stack, &WRONG_LOG).await
    } else {
        // The server itself does not get past it: nothing is taken in meanwhile, and everybody says so.
        somebody_says(stack, &["not connected to the NATS server"]).await
    };
    stack.end_nats_node(0, Signal::SIGKILL).await;
    backup.restore().unwrap();
    stack.start_nats_again().await;
    named
}

async fn old_log(
    course: &mut Course,
    under_load: &UnderLoad,
    random: &mut StdRng,
) -> Result<bool, &'static str> {
    let stack = &mut course.stack;
    stack.end_nats_node(0, Signal::SIGTERM).await;
    let old = Backup::of(stack);
    stack.start_nats_again().await;
    let name = format!("{}-late", under_load.plan.name);
    let mut plan = LoadPlan { name, ..under_load.plan.clone() };
    // What lies in a bucket is taken in at any later time.
    plan.ways.retain(|way| *way != Way::S3);
    under_load.sender.deliver(&plan.shipment(&[], random)).await;
    // Sealed at once, not when its turn comes: what is newer than the seal is not under it (docs/adr/0013). The moment is
    // any, also one at which what was sent is still in many hands.
    let seal = serde_json::to_vec(&stack.log.seal().await.unwrap()).unwrap();
    stack.store.write_record(SEAL_RECORD, seal.into()).await.unwrap();
    hold(random.random_range(0..1500)).await;
    // What comes with an old copy comes after a restart of everything, or while it runs.
    let restarted = random.random_bool(0.5);
    stack.end_nats_node(0, Signal::SIGKILL).await;
    let newest = Backup::of(stack);
    old.restore().unwrap();
    stack.start_nats_again().await;
    if restarted {
        for name in stack.copies_of("ingest").into_iter().chain(stack.copies_of("report")) {
            stack.end(&name, Signal::SIGTERM).await;
            stack.start_again(&name).await;
        }
    }
    let named = somebody_says(stack, &WRONG_LOG).await;
    let answer = under_load.sender.offer(&plan.shipment(&[], random)).await;
    stack.end_nats_node(0, Signal::SIGKILL).await;
    newest.restore().unwrap();
    stack.start_nats_again().await;
    match answer {
        answer if answer.is_accepted() => Err("an image was taken in while an older log was in place"),
        _ => Ok(named),
    }
}

/// Whether a service says one of these words in its readiness, or has ended and said it in its log.
pub(crate) async fn somebody_says(stack: &mut Stack, words: &[&str]) -> bool {
    let says = |text: &str| words.iter().any(|word| text.contains(word));
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    let deadline = std::time::Instant::now() + LIMIT / 4;
    while std::time::Instant::now() < deadline {
        looks.tick().await;
        for name in stack.services() {
            if stack.has_ended(&name) {
                if says(&stack.log_of(&name)) {
                    return true;
                }
                continue;
            }
            let url = format!("{}/readyz", stack.url_of(&name));
            let Ok(answer) = stack.http.get(url).send().await else { continue };
            if says(&answer.text().await.unwrap_or_default()) {
                return true;
            }
        }
    }
    false
}

/// A copy of a server's store.
struct Backup {
    store: PathBuf,
    copy: PathBuf,
}

impl Backup {
    fn of(stack: &Stack) -> Self {
        let store = stack.nats_folder(0).join("jetstream");
        let copies = stack.folder().join("backups");
        let number = std::fs::read_dir(&copies).map_or(0, Iterator::count);
        let copy = copies.join(number.to_string());
        copy_folder(&store, &copy).unwrap();
        Self { store, copy }
    }

    fn restore(&self) -> io::Result<()> {
        copy_folder(&self.copy, &self.store)
    }
}

/// Flips a bit of the record of the first message under `subject`.
fn flip(store: &Path, subject: &str, place: Place, random: &mut StdRng) -> io::Result<()> {
    let behind_begin: i64 = match place {
        // Length, position, time and length of the subject stand before it.
        Place::Head => -random.random_range(1..=22),
        Place::Subject => random.random_range(0..subject.len() as i64),
        Place::Content => subject.len() as i64 + random.random_range(8..60),
    };
    hilum_servers::damage_message(store, "EVENTS", subject, behind_begin)
}
