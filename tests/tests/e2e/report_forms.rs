//! The forms of a report as an operator fetches them, of the study that `hilum demo` sends.

use hilum_reports::{Report, check, fhir, hl7};
use hilum_tests::sample;
use serde_json::Value;

use crate::command_line::Operator;

const SITE: [&str; 2] = ["--site", "demo"];

/// Fetches a form into a file and compares what is said of it with what is there.
async fn fetched(operator: &Operator, study: &str, form: &str) -> Vec<u8> {
    let file = format!("report-{form}.out");
    let typed = [&["report", study, "--as", form, "-o", file.as_str()][..], &SITE].concat();
    let told = operator.json(&typed).await;
    let bytes = std::fs::read(operator.folder.path().join(&file)).unwrap();
    assert_eq!((&told[0]["event"], &told[0]["format"]), (&Value::from("written"), &Value::from(form)));
    assert_eq!((&told[0]["revision"], &told[0]["size_bytes"]), (&Value::from(1), &Value::from(bytes.len())));
    bytes
}

#[tokio::test]
async fn the_report_of_the_demo_comes_in_every_form_and_all_say_the_same() {
    let operator = Operator::default();
    let samples = sample("").with_file_name("demo.toml");
    operator.json(&["demo", "--samples", samples.to_str().unwrap()]).await;
    let kept = std::fs::read(operator.folder.path().join("hilum-demo-report.json")).unwrap();
    let report = Report::from_json(&kept).unwrap();
    check(&report).unwrap();
    assert_eq!((report.summary.images, report.summary.failed, report.summary.duplicates), (10, 2, 1));

    let name = report.study_name();
    let study = name.as_str();
    assert!(fetched(&operator, study, "json").await == kept);
    assert!(fetched(&operator, study, "fhir").await == fhir::bundle(&report));
    assert!(fetched(&operator, study, "hl7").await == hl7::oru_r01(&report).into_bytes());
    let page = fetched(&operator, study, "html").await;
    assert!(page == std::fs::read(operator.folder.path().join("hilum-demo-report.html")).unwrap());

    let shown =
        operator.run(&[&["report", study, "--as", "hl7", "--revision", "1"][..], &SITE].concat()).await;
    assert!(shown.status.success());
    assert!(
        shown.stdout == hl7::oru_r01(&report).into_bytes(),
        "without a file it goes to the standard output"
    );
    let later = ["report", study, "--as", "hl7", "--revision", "2", "--wait", "0s"];
    let later = operator.run(&[&later[..], &SITE].concat()).await;
    assert!(!later.status.success());
    let said = String::from_utf8_lossy(&later.stderr).into_owned();
    assert!(said.contains("no such revision; the latest is 1"), "{said}");
    operator.json(&["down"]).await;
}
