//! The pool as its users see it: bounded, shared, and honest about whose fault a failure is.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use hilum_events::MediaType;
use hilum_imaging::{DecodeError, DecoderConfig, DecoderPool, RefusalCode};
use support::{config, image, pool, refusal};

/// Processes named `hilum-decoder` whose parent is this one.
fn children() -> Vec<u32> {
    let me = std::process::id().to_string();
    let stat = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_child = |pid: &u32| {
        let stat = stat(*pid);
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after_name.split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        stat.contains("(hilum-decoder)") && state != Some("Z") && parent == Some(&me)
    };
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

/// One test, since it counts the processes of this program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_start_when_needed_are_reused_and_replaced_and_end_with_the_pool() {
    let pool = pool();
    until_children(0).await;
    let (png, dicom, large) = (image("basn0g16.png"), image("CT_small.dcm"), image("mhh_1479fa94.png"));
    pool.decode(MediaType::Png, &png).await.unwrap();
    let first = children();
    assert_eq!(first.len(), 1);
    pool.decode(MediaType::Dicom, &dicom).await.unwrap();
    refusal(pool.decode(MediaType::Dicom, &png).await);
    assert_eq!(children(), first, "a refusal costs no process");

    let many = (0..12).map(|_| {
        let (pool, png) = (pool.clone(), png.clone());
        tokio::spawn(async move { pool.decode(MediaType::Png, &png).await.map(|picture| picture.width()) })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().unwrap(), 32);
    }
    assert!(children().len() <= 2, "the pool is two processes large");

    for pid in children() {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::SIGKILL).unwrap();
    }
    until_children(0).await;
    pool.decode(MediaType::Png, &png).await.unwrap();
    assert_eq!(children().len(), 1, "a process lost between two files is replaced unnoticed");

    let abandoned = tokio::time::timeout(Duration::ZERO, pool.decode(MediaType::Png, &large)).await;
    assert!(abandoned.is_err());
    pool.decode(MediaType::Png, &png).await.unwrap();
    drop(pool);
    until_children(0).await;
}

#[tokio::test]
async fn a_decoder_that_does_not_start_is_not_the_fault_of_the_file() {
    let programs = ["/nonexistent/hilum-decoder", "/bin/false", "/bin/true"];
    for program in programs.map(PathBuf::from) {
        let pool = DecoderPool::new(DecoderConfig { program, ..config() });
        let error = pool.decode(MediaType::Png, &image("basn0g16.png")).await.unwrap_err();
        assert!(matches!(error, DecodeError::Unavailable { .. }), "{error:?}");
        assert!(!error.is_permanent());
    }
}

#[tokio::test]
async fn a_decoder_that_cannot_cap_itself_is_unavailable() {
    let pool = DecoderPool::new(DecoderConfig { memory_limit_bytes: u64::MAX, ..config() });
    // More than any limit is no limit; less than the program itself needs can't work.
    assert!(pool.decode(MediaType::Png, &image("basn0g16.png")).await.is_ok());
    let pool = DecoderPool::new(DecoderConfig { memory_limit_bytes: 1 << 20, ..config() });
    let error = pool.decode(MediaType::Png, &image("basn0g16.png")).await.unwrap_err();
    assert!(!error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_without_a_process() {
    let mut config = config();
    config.program = "/nonexistent".into();
    config.limits.max_file_bytes = 3;
    let result = DecoderPool::new(config).decode(MediaType::Png, b"1234").await;
    assert_eq!(refusal(result), RefusalCode::FileTooLarge);
}

#[tokio::test]
async fn the_limits_of_the_configuration_hold_in_the_process() {
    let mut config = config();
    config.limits.max_pixels = 32 * 32 - 1;
    let pool = DecoderPool::new(config);
    let result = pool.decode(MediaType::Png, &image("basn0g16.png")).await;
    assert_eq!(refusal(result), RefusalCode::TooManyPixels);
    assert_eq!(refusal(pool.inspect(&image("CT_small.dcm")).await), RefusalCode::TooManyPixels);
}

#[test]
fn the_program_beside_the_tests_is_found() {
    let found = DecoderConfig::sibling().unwrap().program;
    assert_eq!(found.file_name(), PathBuf::from(env!("CARGO_BIN_EXE_hilum-decoder")).file_name());
}
