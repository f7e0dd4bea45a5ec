//! What can't be taken or read: clear answers, nothing lost, everything still up.

use hilum_tests::{Stack, StackOptions, Upload, sample};
use reqwest::StatusCode;

#[tokio::test]
async fn what_is_not_an_image_is_refused_at_the_door_and_leaves_no_job() {
    let stack = Stack::start(StackOptions::default()).await;
    let cases = [
        (Upload::bytes(b"%PDF-1.4 a document"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Upload::bytes(b""), StatusCode::BAD_REQUEST),
        (Upload::sample("rtplan.dcm"), StatusCode::UNPROCESSABLE_ENTITY),
        (Upload::sample("meta_missing_tsyntax.dcm"), StatusCode::UNPROCESSABLE_ENTITY),
        (Upload::sample("basn0g16.png").with("site", "Not A Site"), StatusCode::BAD_REQUEST),
        (Upload::sample("basn0g16.png").with("study", "Doe^Jane"), StatusCode::BAD_REQUEST),
        (Upload::sample("basn0g16.png").with("priority", "soon"), StatusCode::BAD_REQUEST),
        (Upload::sample("basn0g16.png").with("patient", "x"), StatusCode::BAD_REQUEST),
    ];
    for (upload, expected) in cases {
        let (status, problem) = stack.post(upload).await;
        assert_eq!(status, expected, "{problem}");
        assert_eq!(problem["status"], expected.as_u16());
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{problem}");
    }
    let plain = stack.http.post(format!("{}/v1/jobs", stack.ingest_url())).body("x").send().await;
    assert_eq!(plain.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(stack.events().await, []);
}

#[tokio::test]
async fn an_image_longer_than_the_limit_is_refused_and_nothing_of_it_is_kept() {
    let stack = Stack::start(StackOptions::default()).await;
    let mut long = std::fs::read(sample("mhh_1479fa94.png")).unwrap();
    long.resize((256 << 20) + 1, 0);
    let (status, problem) = stack.post(Upload::bytes(&long)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    assert_eq!(stack.events().await, []);
    let incoming = stack.folder().join("objects/incoming");
    let left = std::fs::read_dir(&incoming).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{}", incoming.display());
}

#[tokio::test]
async fn a_damaged_image_fails_with_a_reason_and_is_in_the_report() {
    let stack = Stack::start(StackOptions::default()).await;
    let good = stack.submit(Upload::sample("nih_00000001_000.png").with("study", "S-1")).await;
    let bad = stack.submit(Upload::sample("broken_data_stream.png").with("study", "S-1")).await;
    let job = stack.ended(&bad).await;
    assert_eq!(job["status"], "FAILED");
    assert!(job["reason"].as_str().unwrap().len() > 20, "{job}");
    let (status, problem) = stack.get(&format!("/v1/jobs/{bad}/result")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["detail"].as_str().unwrap().contains(job["reason"].as_str().unwrap()), "{problem}");
    stack.result(&good).await;

    let report = stack.report("S-1", 1).await;
    let statuses: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| image["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "failed"]);
    stack.assert_settled().await;
}

#[tokio::test]
async fn questions_about_what_is_not_there_are_answered_clearly() {
    let stack = Stack::start(StackOptions::default()).await;
    let unknown = "0197f0a0-0000-7000-8000-000000000000";
    for (path, expected) in [
        (format!("/v1/jobs/{unknown}"), StatusCode::NOT_FOUND),
        (format!("/v1/jobs/{unknown}/result"), StatusCode::NOT_FOUND),
        ("/v1/jobs/not-an-id".to_owned(), StatusCode::BAD_REQUEST),
        (format!("/v1/studies/{unknown}"), StatusCode::NOT_FOUND),
        (format!("/v1/studies/{unknown}/report"), StatusCode::NOT_FOUND),
    ] {
        let (status, problem) = stack.get(&path).await;
        assert_eq!(status, expected, "{path}: {problem}");
        assert_eq!(problem["status"], expected.as_u16(), "{path}: {problem}");
    }
    let close = format!("{}/v1/studies/{unknown}/close", stack.ingest_url());
    let answer = stack.http.post(close).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
