//! A flagged study is read before routine images: what of it waits, and what comes later.

use hilum_events::{Event, InferenceRequested, Priority};
use hilum_tests::{Desk, Stack, Upload};
use nix::sys::signal::Signal;

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
    let mut stack = desk.stack("actions = ['raise-priority']").await;
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

#[tokio::test]
async fn a_rule_of_one_site_has_shared_work_done_sooner_and_touches_no_study_of_another() {
    let desk = Desk::open(0).await;
    let mut stack = desk.stack("sites = ['bravo']\nactions = ['raise-priority']").await;
    let at = |site: &'static str, upload: Upload| upload.with("site", site);
    let read = stack.submit(at("bravo", Upload::sample(READ).with("study", "S-1"))).await;
    stack.result(&read).await;
    has_facts(&stack, "study-flagged", 1).await;

    // Nobody reads now. An image of alpha waits; bravo has the same one in a study that is flagged by another.
    stack.end("infer", Signal::SIGTERM).await;
    let alphas = stack.submit(at("alpha", upload(WAITING, "shared", "A-1"))).await;
    has_facts(&stack, "inference-requested", 2).await;
    let bravos = stack.submit(at("bravo", upload(WAITING, "shared", "S-2"))).await;
    let flags = stack.submit(at("bravo", Upload::sample(READ).with("study", "S-2"))).await;
    has_facts(&stack, "inference-requested", 3).await;
    let asked: Vec<_> =
        requests(&stack, &alphas).await.into_iter().map(|it| (it.attempt, it.priority)).collect();
    assert_eq!(asked, [(1, Priority::Routine), (2, Priority::Stat)]);

    stack.start_again("infer").await;
    all_become(&stack, &[read, alphas.clone(), bravos, flags], "COMPLETED").await;
    each_reading_was_made_once(&stack, 2).await;
    stack.assert_settled().await;
    let facts = stack.events().await;
    let uploaded = |job: &str| {
        facts.iter().find_map(|fact| match &fact.event {
            Event::ImageStored(image) if image.job_id.to_string() == job => Some(image.study_id),
            _ => None,
        })
    };
    let alphas_study = uploaded(&alphas).unwrap();
    for fact in &facts {
        match &fact.event {
            Event::InferenceRequested(request) if request.study_id == alphas_study => {
                assert_eq!(fact.site.to_string(), "alpha", "{fact:?}");
            }
            Event::StudyFlagged(flag) => {
                assert_eq!(fact.site.to_string(), "bravo", "{fact:?}");
                assert_ne!(flag.study_id, alphas_study);
            }
            _ => {}
        }
    }
}
