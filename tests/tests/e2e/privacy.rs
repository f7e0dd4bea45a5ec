//! Nothing of a patient leaves the image: not in events, rows, logs, metrics or reports.

use hilum_tests::{Stack, StackOptions, Upload};
use sqlx::{Connection as _, PgConnection};

const CANARY: &[u8] = b"DONOTLEAK";

#[tokio::test]
async fn the_name_in_a_dicom_header_is_found_nowhere_but_in_the_image() {
    let stack = Stack::start(StackOptions::default()).await;
    let image = std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap();
    assert!(contains(&image, CANARY), "the sample carries the canary");
    let upload = Upload::bytes(&image).with("study", "S-1");
    let job = stack.submit(upload).await;
    stack.result(&job).await;
    let report = stack.report("S-1", 1).await;
    assert!(!contains(report.to_string().as_bytes(), CANARY));

    for envelope in stack.events().await {
        assert!(!contains(&envelope.encode(), CANARY), "{}", envelope.subject());
    }
    for service in stack.services() {
        assert!(!contains(stack.log_of(&service).as_bytes(), CANARY), "log of {service}");
        let metrics = reqwest::get(format!("{}/metrics", stack.url_of(&service))).await.unwrap();
        assert!(!contains(&metrics.bytes().await.unwrap(), CANARY), "metrics of {service}");
    }
    let mut database = PgConnection::connect(&stack.database_url()).await.unwrap();
    let dump: String = sqlx::query_scalar("SELECT database_to_xml(true, false, '')::text")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert!(dump.len() > 1000 && !contains(dump.as_bytes(), CANARY));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
