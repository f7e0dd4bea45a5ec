//! The forms of a report as an operator fetches them, of the study that `hilum demo` sends.

use std::collections::BTreeSet;

use hilum_reports::{Report, check, fhir, hl7};
use hilum_tests::sample;
use serde_json::Value;

use crate::command_line::Operator;

const SITE: [&str; 2] = ["--site", "demo"];

/// There is a secondary capture of each content that was read, each in a file of its own.
async fn pictures_come_one_by_one(operator: &Operator, study: &str, report: &Report) {
    let read = report.images.iter().filter(|image| image.reading.is_some());
    let contents: BTreeSet<_> = read.map(|image| image.sha256).collect();
    let typed = [&["report", study, "--as", "dicom-sc", "-o", "sc.dcm"][..], &SITE].concat();
    let told = operator.json(&typed).await;
    assert_eq!(told.len(), contents.len());
    let mut files = BTreeSet::new();
    for (number, told) in (1..).zip(&told) {
        let name = if number == 1 { "sc.dcm".to_owned() } else { format!("sc-{number}.dcm") };
        assert_eq!(told["file"], Value::from(name.as_str()));
        let file = std::fs::read(operator.folder.path().join(name)).unwrap();
        assert_eq!(file.get(128..132), Some(&b"DICM"[..]));
        files.insert(file);
    }
    assert_eq!(files.len(), told.len());
}

/// Fetches a form into a file and compares what is said of it with what is there.
async fn fetched(operator: &Operator, study: &str, form: &str) -> Vec<u8> {
    fetched_in(operator, study, form, &[]).await
}

async fn fetched_in(operator: &Operator, study: &str, form: &str, more: &[&str]) -> Vec<u8> {
    let file = format!("report-{form}.out");
    let typed = [&["report", study, "--as", form, "-o", file.as_str()][..], &SITE, more].concat();
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

    let sheets = fetched(&operator, study, "pdf").await;
    assert!(
        sheets.starts_with(b"%PDF-")
            && sheets != fetched_in(&operator, study, "pdf", &["--lang", "ko"]).await
    );
    for form in ["dicom-sr", "dicom-pdf"] {
        let object = fetched(&operator, study, form).await;
        assert!(
            object.get(128..132) == Some(b"DICM") && fetched(&operator, study, form).await == object,
            "{form}"
        );
    }
    pictures_come_one_by_one(&operator, study, &report).await;

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
