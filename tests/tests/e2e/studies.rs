//! Several images, one report; a late image, a new revision.

use hilum_events::Event;
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload};
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
    let answer = stack.http.post(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
}

const ROUTINE: u8 = 16;
/// With one engine that reads one image at a time, and one decoder.
const RUNNING: usize = 2;
/// And the next for each.
const IN_HAND: u64 = 4;
/// Many times what passes between the request and the decoder.
const MS_PER_IMAGE: u64 = 500;

#[tokio::test]
async fn a_stat_image_waits_for_what_already_runs_and_for_none_of_the_routine_ones_in_hand() {
    let one =
        ["HILUM_MAX_BATCH", "HILUM_IMAGE_DECODERS", "HILUM_REPLICAS"].map(|name| (name, "1".to_owned()));
    let paced = [("HILUM_ENGINE", "simulated".to_owned()), ("HILUM_SIMULATED_MS", MS_PER_IMAGE.to_string())];
    let environment = one.into_iter().chain(paced).collect();
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    for number in 0..ROUTINE {
        // Its last byte is a pixel: each is another picture, so that none takes over the reading of another.
        let mut picture = std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap();
        *picture.last_mut().unwrap() = number;
        stack.submit(Upload::bytes(&picture)).await;
    }
    let hands_are_full = || async {
        let depths = stack.log.queue_depths().await.unwrap();
        let routine = depths.iter().filter(|depth| depth.consumer == "infer-routine");
        routine.map(|depth| depth.in_hand).sum::<u64>() >= IN_HAND
    };
    assert!(wait_until(LIMIT, hands_are_full).await);
    let urgent = stack.submit(Upload::sample("mhh_90070cbc_gray_q40.jpg").with("priority", "stat")).await;
    stack.result(&urgent).await;

    let (mut waiting, mut overtaking) = (0, None);
    for envelope in stack.events().await {
        match envelope.event {
            Event::InferenceRequested(request) if request.job_id.to_string() == urgent => {
                assert!(waiting as u64 >= IN_HAND, "the flood was over: {waiting} wait");
                overtaking = Some(0);
            }
            Event::InferenceRequested(_) => waiting += 1,
            Event::InferenceCompleted(reading) if reading.job_id.to_string() == urgent => break,
            Event::InferenceCompleted(_) => {
                waiting -= 1;
                overtaking = overtaking.map(|before| before + 1);
            }
            _ => {}
        }
    }
    assert!(overtaking.is_some_and(|before| before <= RUNNING), "{overtaking:?} were read before it");
}
