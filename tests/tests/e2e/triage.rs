//! A flagged study is read before routine images: what of it waits, and what comes later.

use hilum_events::{Event, InferenceRequested, Priority};
use hilum_tests::{Stack, Upload};
use nix::sys::signal::Signal;

use crate::delivery::Desk;
use crate::steps::{all_become, each_reading_was_made_once, has_facts, upload};

const READ: &str = "mhh_1479fa94.png";
const WAITING: &str = "mhh_90070cbc_gray_q40.jpg";

/// The requests that were made of a job's image, in order.
async fn requests(stack: &Stack, job: &str) -> Vec<InferenceRequested> {
    let requests = stack.events().await.into_iter().filter_map(|envelope| match envelope.event {
        Event::InferenceRequested(request) if request.job_id.to_string() == job => Some(request),
        _ => None,
    });
    requests.collect()
}

#[tokio::test]
async fn what_waits_of_a_flagged_study_is_read_first_and_so_is_what_comes_later() {
    let desk = Desk::open(0).await;
    let (mut stack, _folder) = desk.stack("actions = ['raise-priority']").await;
    let read = stack.submit(Upload::sample(READ).with("study", "S-1")).await;
    stack.result(&read).await;
    has_facts(&stack, "study-flagged", 1).await;

    // Nobody reads now. An image of another study waits, and a copy of what was read flags that study.
    stack.end("infer", Signal::SIGTERM).await;
    let waiting = stack.submit(upload(WAITING, "waits", "S-2")).await;
    has_facts(&stack, "inference-requested", 2).await;
    let shares = stack.submit(Upload::sample(READ).with("study", "S-2")).await;
    has_facts(&stack, "study-flagged", 2).await;
    has_facts(&stack, "inference-requested", 3).await;
    let later = stack.submit(upload(WAITING, "later", "S-2")).await;
    let other = stack.submit(upload(WAITING, "other", "S-3")).await;
    has_facts(&stack, "inference-requested", 5).await;

    let asked = |requests: Vec<InferenceRequested>| {
        requests.into_iter().map(|request| (request.attempt, request.priority)).collect::<Vec<_>>()
    };
    let (routine, stat) = (Priority::Routine, Priority::Stat);
    assert_eq!(asked(requests(&stack, &waiting).await), [(1, routine), (2, stat)]);
    assert_eq!(asked(requests(&stack, &later).await), [(1, stat)]);
    assert_eq!(asked(requests(&stack, &other).await), [(1, routine)]);

    stack.start_again("infer").await;
    all_become(&stack, &[read, waiting, shares, later, other], "COMPLETED").await;
    each_reading_was_made_once(&stack, 4).await;
    stack.assert_settled().await;
}
