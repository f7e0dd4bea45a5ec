//! Nothing of a patient leaves the image: not in events, rows, logs, metrics or reports.

use hilum_events::Event;
use hilum_tests::{Stack, StackOptions, Upload, with_elements};
use sqlx::{Connection as _, PgConnection};

const CANARY: &[u8] = b"DONOTLEAK";
/// A word in the Series Description by which a rule of the site tells the series.
const DESCRIPTION: &str = "Smith KEEPTHISTOO lateral";
const DESCRIPTION_CANARY: &[u8] = b"KEEPTHISTOO";
const RULES: &str = "[[series]]\nname = \"lateral\"\ndescription = 'KEEP.* lateral$'\n";

#[tokio::test]
async fn the_name_in_a_dicom_header_is_found_nowhere_but_in_the_image() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(rules.path(), RULES).unwrap();
    let environment = vec![("HILUM_SITES", rules.path().display().to_string())];
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    let image = std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap();
    let image = with_elements(&image, &[((0x0008, 0x103E), "LO", DESCRIPTION)]);
    assert!(contains(&image, CANARY), "the sample carries the canary");
    let upload = Upload::bytes(&image).with("study", "S-1");
    let job = stack.submit(upload).await;
    stack.result(&job).await;
    // One that is refused, whose header was read all the same.
    let cut = &image[..image.len() - 1000];
    let (status, problem) = stack.post(Upload::bytes(cut)).await;
    assert!(status.is_client_error() && !leaks(problem.to_string().as_bytes()), "{problem}");
    let report = stack.report("S-1", 1).await;
    assert!(!leaks(report.to_string().as_bytes()));

    for envelope in stack.events().await {
        assert!(!leaks(&envelope.encode()), "{}", envelope.subject());
        if let Event::ImageStored(stored) = &envelope.event {
            assert_eq!(stored.series, ["lateral".parse().unwrap()], "the description was looked at");
        }
    }
    for service in stack.services() {
        assert!(!leaks(stack.log_of(&service).as_bytes()), "log of {service}");
        let metrics = stack.http.get(format!("{}/metrics", stack.url_of(&service))).send().await.unwrap();
        assert!(!leaks(&metrics.bytes().await.unwrap()), "metrics of {service}");
    }
    let mut database = PgConnection::connect(&stack.database_url()).await.unwrap();
    let dump: String = sqlx::query_scalar("SELECT database_to_xml(true, false, '')::text")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert!(dump.len() > 1000 && !leaks(dump.as_bytes()));
}

fn leaks(bytes: &[u8]) -> bool {
    contains(bytes, CANARY) || contains(bytes, DESCRIPTION_CANARY)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
