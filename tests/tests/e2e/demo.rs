//! The demo by its ways in, with two images instead of its own, which take a debug build too long.

use std::fs;

use hilum_tests::{program, sample};
use serde_json::Value;

use super::command_line::Operator;

/// Runs it; the report that it wrote.
async fn demo(way: &str) -> (Operator, Value) {
    let operator = Operator::of(program("hilum"), Vec::new());
    let samples = operator.folder.path().join("samples");
    fs::create_dir(&samples).unwrap();
    for name in ["chest_mhh_19073f37.dcm", "mhh_1479fa94.png"] {
        fs::copy(sample(name), samples.join(name)).unwrap();
    }
    let told = operator.json(&["demo", way, "--samples", "samples", "--stop-at-end"]).await;
    assert!(told.iter().any(|line| line["event"] == "written"), "{told:?}");
    let report = fs::read(operator.folder.path().join("hilum-demo-report.json")).unwrap();
    let report = serde_json::from_slice(&report).unwrap();
    (operator, report)
}

#[tokio::test]
async fn the_demo_sends_what_is_dicom_by_c_store() {
    let (_, report) = demo("--dicom").await;
    let images = report["images"].as_array().unwrap();
    assert_eq!((images.len(), &report["site"]), (1, &"demo".into()), "{report}");
    assert_eq!((&images[0]["status"], &images[0]["media_type"]), (&"completed".into(), &"dicom".into()));
}

#[tokio::test]
async fn the_demo_puts_its_files_into_a_watched_folder_and_finds_the_results_there() {
    let (operator, report) = demo("--s3").await;
    let images = report["images"].as_array().unwrap();
    assert_eq!((images.len(), &report["site"]), (2, &"demo".into()), "{report}");
    let study = report["study_ref"].as_str().unwrap();
    let results = operator.state().join("drop/results/in").join(study);
    for name in ["01-chest_mhh_19073f37.dcm", "02-mhh_1479fa94.png"] {
        let result = fs::read(results.join(format!("{name}.hilum.json"))).unwrap();
        let result: Value = serde_json::from_slice(&result).unwrap();
        assert_eq!(result["status"], "completed", "{result}");
    }
}
