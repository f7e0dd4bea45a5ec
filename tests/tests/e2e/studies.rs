//! Several images, one report; a late image, a new revision.

use hilum_tests::{Stack, StackOptions, Upload};
use reqwest::StatusCode;

#[tokio::test]
async fn a_closed_study_is_reported_at_once_and_a_late_image_makes_a_new_revision() {
    let stack = Stack::start(StackOptions { quiet_time_s: 3600.0, ..StackOptions::default() }).await;
    let to = |name: &str| Upload::sample(name).with("study", "S-1");
    let first = stack.submit(to("mhh_1479fa94.png")).await;
    let second = stack.submit(to("mhh_5f619d7e.png")).await;
    let again = stack.submit(to("mhh_1479fa94.png")).await;
    for job in [&first, &second, &again] {
        stack.result(job).await;
    }
    let (status, problem) = stack.get("/v1/studies/S-1/report").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");

    close(&stack).await;
    let report = stack.report("S-1", 1).await;
    let images = report["images"].as_array().unwrap();
    let jobs: Vec<_> = images.iter().map(|image| image["job_id"].as_str().unwrap()).collect();
    assert_eq!(jobs, [&first, &second, &again]);
    assert_eq!(images[2]["duplicate_of"].as_str(), Some(first.as_str()));
    assert_eq!(images[2]["findings"], images[0]["findings"]);

    let late = stack.submit(to("nih_00000001_000.png")).await;
    stack.result(&late).await;
    close(&stack).await;
    let report = stack.report("S-1", 2).await;
    assert_eq!(report["images"].as_array().unwrap().len(), 4);
    assert!(report["changes"].to_string().contains(&late), "{}", report["changes"]);
    let first_again = stack.report("S-1", 1).await;
    assert_eq!(first_again["images"].as_array().unwrap().len(), 3, "a revision is never rewritten");

    stack.assert_settled().await;
    assert_eq!(stack.count("report-issued").await, 2);
}

async fn close(stack: &Stack) {
    let url = format!("{}/v1/studies/S-1/close", stack.ingest_url());
    let answer = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
}

const ROUTINE: u8 = 16;

#[tokio::test]
async fn a_stat_image_overtakes_routine_ones_that_wait() {
    let alone = ["HILUM_MAX_BATCH", "HILUM_DECODERS", "HILUM_REPLICAS"].map(|name| (name, "1".to_owned()));
    let mut stack = Stack::start(StackOptions { environment: alone.into(), ..StackOptions::default() }).await;
    stack.end("infer", nix::sys::signal::Signal::SIGTERM).await;
    for number in 0..ROUTINE {
        // Its last byte is a pixel: each is another picture, so that none takes over the reading of another.
        let mut picture = std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap();
        *picture.last_mut().unwrap() = number;
        stack.submit(Upload::bytes(&picture)).await;
    }
    let urgent = Upload::sample("mhh_90070cbc_gray_q40.jpg").with("priority", "stat");
    let urgent = stack.submit(urgent).await;
    let requested = || async { stack.count("inference-requested").await == usize::from(ROUTINE) + 1 };
    assert!(hilum_servers::wait_until(hilum_tests::LIMIT, requested).await);
    stack.start_again("infer").await;
    stack.result(&urgent).await;
    let events = stack.events().await;
    let completed: Vec<_> = events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            hilum_events::Event::InferenceCompleted(completed) => Some(completed.job_id.to_string()),
            _ => None,
        })
        .collect();
    // It came last; what is in hand already, in the decoder's and the model's turn, may be ahead of it.
    let place = completed.iter().position(|job| *job == urgent).unwrap();
    assert!(place <= usize::from(ROUTINE) / 2, "{urgent} in {completed:?}");
}
