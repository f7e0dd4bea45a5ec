//! The decoder processes as the operating system sees them: how many there are, and what they hold on to.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use hilum_events::{MediaType, Priority};
use hilum_imaging::{DecoderConfig, DecoderPool, Preparation};
use tokio::sync::Mutex;

use crate::support::{config, image, pool, refusal};

/// The tests count the processes of this program.
static ALONE: Mutex<()> = Mutex::const_new(());

/// State and parent of the process, if it is a `hilum-decoder`.
fn decoder(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.split_once("(hilum-decoder)")?;
    let mut fields = after_name.split_whitespace();
    Some((fields.next()?.parse().unwrap(), fields.next()?.parse().unwrap()))
}

/// Processes named `hilum-decoder` whose parent is this one.
fn children() -> Vec<u32> {
    let me = std::process::id();
    let is_child = |pid: &u32| decoder(*pid).is_some_and(|(state, parent)| state != 'Z' && parent == me);
    let entries = std::fs::read_dir("/proc").unwrap().map(Result::unwrap);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

/// Waits until there are `count` children.
async fn until_children(count: usize) {
    let deadline = Duration::from_secs(10);
    let waiting = async {
        while children().len() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(deadline, waiting).await.unwrap_or_else(|_| panic!("{:?} are there", children()));
}

async fn until_it_stands_still(pid: u32) {
    let waiting = async {
        while decoder(pid).unwrap().0 != 'T' {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("a stopped process stands still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_start_when_needed_are_reused_and_replaced_and_end_with_the_pool() {
    let _alone = ALONE.lock().await;
    let pool = pool();
    until_children(0).await;
    let preparation = Preparation::default();
    let (png, dicom, large) = (image("basn0g16.png"), image("CT_small.dcm"), black_png(10_000));
    pool.decode(MediaType::Png, &png).await.unwrap();
    let first = children();
    assert_eq!(first.len(), 1);
    pool.decode(MediaType::Dicom, &dicom).await.unwrap();
    refusal(pool.decode(MediaType::Dicom, &png).await);
    refusal(pool.prepare(MediaType::Dicom, &png, &preparation).await);
    assert_eq!(children(), first, "a refusal costs no process");

    let many = (0..12).map(|_| {
        let (pool, png) = (pool.clone(), png.clone());
        let prepared = async move { pool.prepare(MediaType::Png, &png, &Preparation::default()).await };
        tokio::spawn(prepared)
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().unwrap().input.region.side, 32);
    }
    assert!(children().len() <= 2, "the pool is two processes large");

    for pid in children() {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::SIGKILL).unwrap();
    }
    until_children(0).await;
    pool.decode(MediaType::Png, &png).await.unwrap();
    assert_eq!(children().len(), 1, "a process lost between two files is replaced unnoticed");

    let abandoned = pool.prepare(MediaType::Png, &large, &preparation);
    assert!(tokio::time::timeout(Duration::ZERO, abandoned).await.is_err());
    pool.decode(MediaType::Png, &png).await.unwrap();
    drop(pool);
    until_children(0).await;
}

#[tokio::test]
async fn the_next_free_process_goes_to_an_urgent_file_and_then_to_the_others_in_their_order() {
    use nix::sys::signal::{Signal, kill};
    let _alone = ALONE.lock().await;
    let pool = DecoderPool::new(DecoderConfig { size: 1, ..config() });
    let png = image("basn0g16.png");
    pool.decode(MediaType::Png, &png).await.unwrap();
    let process = nix::unistd::Pid::from_raw(children()[0] as i32);
    let done = std::sync::Mutex::new(Vec::new());
    let decode = async |name: &'static str, priority| {
        pool.with_priority(priority).decode(MediaType::Png, &png).await.unwrap();
        done.lock().unwrap().push(name);
    };
    kill(process, Signal::SIGSTOP).unwrap();
    // Else it may answer one more file before the signal reaches it.
    until_it_stands_still(process.as_raw() as u32).await;
    tokio::join!(
        decode("running", Priority::Routine),
        decode("first", Priority::Routine),
        decode("second", Priority::Routine),
        decode("urgent", Priority::Stat),
        decode("urgent too", Priority::Stat),
        // All others have been polled by now: one has the process, which stands still, and four wait.
        async { kill(process, Signal::SIGCONT).unwrap() },
    );
    assert_eq!(done.into_inner().unwrap(), ["running", "urgent", "urgent too", "first", "second"]);
    assert_eq!(children(), [process.as_raw() as u32]);
}

/// A whole 8-bit PNG, all black.
fn black_png(side: u32) -> Vec<u8> {
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; side as usize + 1];
    (0..side).for_each(|_| pixels.write_all(&row).unwrap());
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", pixels.finish().unwrap()), (b"IEND", Vec::new())] {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&content);
        png.extend((content.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(content);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// Memory of a process that is really there, bytes.
fn resident_bytes(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn what_a_large_picture_needed_is_given_back_but_for_a_bounded_rest() {
    const BASE_AND_KEPT_BYTES: u64 = 100 << 20;
    let _alone = ALONE.lock().await;
    let pool = DecoderPool::new(config());
    let preparation = Preparation::default();
    for side in [224, 10_000, 224, 9_999, 224] {
        let prepared = pool.prepare(MediaType::Png, &black_png(side), &preparation).await.unwrap();
        assert!(prepared.input.values.iter().all(|value| *value >= -1024.0 && *value <= 0.0));
        let held: Vec<u64> = children().into_iter().map(resident_bytes).collect();
        assert_eq!(held.len(), 1, "one process, used again");
        assert!(held[0] < BASE_AND_KEPT_BYTES, "{held:?} bytes after a side of {side}");
    }
}
