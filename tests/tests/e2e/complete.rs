//! When a study is complete: announced images, expected series, and what one lacks at its time limit.

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload, sample, with_elements};
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Within an hour nothing is reported because it is quiet.
const NEVER_QUIET_S: f64 = 3600.0;

/// A stack with these rules of its sites, and the folder that keeps them.
async fn stack_with(rules: &str) -> (Stack, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sites.toml");
    std::fs::write(&file, rules).unwrap();
    let environment = vec![("HILUM_SITES", file.display().to_string())];
    let options = StackOptions { quiet_time_s: NEVER_QUIET_S, environment, ..StackOptions::default() };
    (Stack::start(options).await, folder)
}

/// Waits until the tables say of the study's newest report that it is this revision; that report.
async fn newest_report(stack: &Stack, study: &str, revision: u32) -> Value {
    stack.report(study, revision).await;
    let (status, shown) = stack.get(&format!("/v1/studies/{study}")).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let newest = shown["reports"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(newest["revision"], revision);
    newest
}

#[tokio::test]
async fn an_announced_study_is_reported_as_soon_as_it_is_read_and_compared_with_an_earlier_one() {
    let stack = Stack::start(StackOptions { quiet_time_s: NEVER_QUIET_S, ..StackOptions::default() }).await;
    let of_two = |name: &str| Upload::sample(name).with("study", "S-1").with("expected_images", "2");
    let good = stack.submit(of_two("mhh_1479fa94.png")).await;
    stack.result(&good).await;
    // Twice the same is one image.
    stack.result(&stack.submit(of_two("mhh_1479fa94.png")).await).await;
    let (status, problem) = stack.get("/v1/studies/S-1/report").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    // That it can't be read does not hold the study back.
    let bad = stack.submit(of_two("broken_data_stream.png")).await;
    let report = stack.report("S-1", 1).await;
    assert_eq!(report["cause"], "expected");
    assert_eq!(report["completeness"], json!({ "complete": true, "missing": [] }));
    let statuses: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| image["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "completed", "failed"]);
    assert_eq!(report["images"][2]["job_id"].as_str(), Some(bad.as_str()));
    let newest = newest_report(&stack, "S-1", 1).await;
    assert_eq!((&newest["complete"], &newest["pending"]), (&json!(true), &json!(0)));

    // The next study of the patient, announced before its first image.
    let url = format!("{}/v1/studies/S-2/manifest", stack.ingest_url());
    let digest = hilum_models::sha256_hex(&std::fs::read(sample("nih_00000001_000.png")).unwrap());
    let manifest = json!({ "images": 1, "sha256": [digest] });
    let answer = stack.http.post(url).json(&manifest).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let next = Upload::sample("nih_00000001_000.png").with("study", "S-2").with("prior_study", "S-1");
    stack.submit(next).await;
    let report = stack.report("S-2", 1).await;
    assert_eq!(report["cause"], "expected");
    let comparison = &report["comparison"];
    assert_eq!((&comparison["study_ref"], &comparison["revision"]), (&json!("S-1"), &json!(1)));
    assert_eq!(comparison["same_model"], true);
    assert_eq!(comparison["findings"].as_array().unwrap().len(), 18);
    let names = report["provenance"]["events"].to_string();
    assert!(names.contains("report-issued") && names.contains("study-manifest-received"), "{names}");
    stack.assert_settled().await;
    assert_eq!(stack.count("report-issued").await, 2);
}

#[tokio::test]
async fn a_time_limit_that_ends_while_the_report_service_is_dead_ends_once_and_a_late_image_completes_it() {
    let (mut stack, _rules) = stack_with("[default]\ntime_limit_s = 10\n").await;
    let of_two = |name: &str| Upload::sample(name).with("study", "S-1").with("expected_images", "2");
    let first = stack.submit(of_two("mhh_1479fa94.png")).await;
    stack.result(&first).await;
    stack.end("report", Signal::SIGKILL).await;
    let came_at = stack.events().await[0].occurred_at;
    let is_over = || async { jiff::Timestamp::now() > came_at + jiff::SignedDuration::from_secs(11) };
    assert!(wait_until(LIMIT, is_over).await);
    assert_eq!(stack.count("report-issued").await, 0, "nobody was there to issue it");
    stack.start_again("report").await;

    let report = stack.report("S-1", 1).await;
    assert_eq!(report["cause"], "time_limit");
    let missing = json!([{ "kind": "images", "expected": 2, "arrived": 1 }]);
    assert_eq!(report["completeness"], json!({ "complete": false, "missing": missing }));
    let as_of: jiff::Timestamp = report["as_of"].as_str().unwrap().parse().unwrap();
    let waited = as_of.duration_since(came_at).as_secs_f64();
    assert!((10.0..11.0).contains(&waited), "as it stood at the limit, not when it was made: {waited} s");
    let newest = newest_report(&stack, "S-1", 1).await;
    assert_eq!((&newest["complete"], &newest["missing"]), (&json!(false), &missing));

    // Another restart with nothing new: a study that is due shows that all were looked at.
    stack.end("report", Signal::SIGKILL).await;
    stack.start_again("report").await;
    stack.submit(Upload::sample("mhh_19073f37.png").with("study", "S-9").with("expected_images", "1")).await;
    stack.report("S-9", 1).await;
    assert_eq!(stack.count("report-issued").await, 2);

    let late = stack.submit(of_two("mhh_5f619d7e.png")).await;
    let report = stack.report("S-1", 2).await;
    assert_eq!(report["completeness"], json!({ "complete": true, "missing": [] }));
    assert_eq!(report["changes"], json!([{ "job_id": late, "change": "added" }]));
    let newest = newest_report(&stack, "S-1", 2).await;
    assert_eq!((&newest["complete"], newest.get("missing")), (&json!(true), None));
    stack.assert_settled().await;
    assert_eq!(stack.count("report-issued").await, 3);
}

const SERIES: &str = r#"
[site.north]
time_limit_s = 3600
expected_series = ["frontal", "lateral"]

[[series]]
name = "frontal"
modality = ["CR", "DX"]
view_position = ["PA", "AP"]

[[series]]
name = "lateral"
description = '(?i)\blat(eral)?\b'
"#;

#[tokio::test]
async fn a_study_with_all_expected_series_is_reported_and_the_header_tells_which_they_are() {
    let (stack, _rules) = stack_with(SERIES).await;
    let [frontal, lateral] = ["chest_mhh_19073f37.dcm", "chest_mhh_5f619d7e_jpegls.dcm"];
    let [frontal, lateral] = [frontal, lateral].map(|name| std::fs::read(sample(name)).unwrap());
    let frontal = with_elements(&frontal, &[((0x0018, 0x5101), "CS", "PA")]);
    let lateral = with_elements(&lateral, &[((0x0008, 0x103E), "LO", "Thorax LAT stehend")]);
    let send = async |bytes: &[u8]| {
        let upload = Upload::bytes(bytes).with("site", "north").with("study", "S-1");
        stack.result(&stack.submit(upload).await).await;
    };
    send(&frontal).await;
    // No header, so of no series.
    send(&std::fs::read(sample("mhh_1479fa94.png")).unwrap()).await;
    let (status, _) = stack.get("/v1/studies/S-1/report").await;
    assert_eq!(status, StatusCode::CONFLICT);
    send(&lateral).await;
    let report = stack.report("S-1", 1).await;
    assert_eq!(report["cause"], "expected_series");
    assert_eq!(report["completeness"], json!({ "complete": true, "missing": [] }));
    assert_eq!(report["images"].as_array().unwrap().len(), 3);
    let series = stack.events().await.into_iter().filter_map(|envelope| match envelope.event {
        hilum_events::Event::ImageStored(stored) => Some(json!(stored.series)),
        _ => None,
    });
    assert_eq!(series.collect::<Vec<_>>(), [json!(["frontal"]), json!([]), json!(["lateral"])]);
    stack.assert_settled().await;
}
