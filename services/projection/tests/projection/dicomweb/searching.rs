//! QIDO-RS: what is listed, page by page, and by what it is searched.

use hilum_projection::dicomweb::access::Access;
use reqwest::StatusCode;
use serde_json::json;

use super::bench::{Bench, OBJECT, Object};

const STUDY: &str = "0020000D";
const INSTANCE: &str = "00080018";

/// Three studies: one of two series with three instances, one of another patient, one of another modality.
fn some() -> Vec<Object> {
    let second = Object { instance: "1.1.1.2", grey: 8, ..OBJECT };
    let third = Object { series: "1.1.2", instance: "1.1.2.1", modality: "DX", grey: 9, ..OBJECT };
    let other = Object {
        study: "1.2",
        series: "1.2.1",
        instance: "1.2.1.1",
        patient: "Roe^Richard",
        patient_id: "R1",
        study_date: "20251224",
        ..OBJECT
    };
    let last = Object {
        study: "1.3",
        series: "1.3.1",
        instance: "1.3.1.1",
        modality: "DX",
        patient: "",
        patient_id: "",
        ..OBJECT
    };
    vec![OBJECT, second, third, other, last]
}

#[tokio::test]
async fn studies_series_and_instances_are_listed_newest_first() {
    let mut bench = Bench::start(Access::Full).await;
    assert_eq!(bench.ask("/studies", "*/*").await.status(), StatusCode::NO_CONTENT);
    bench.hold(&some()).await;
    assert_eq!(bench.listed("/studies", STUDY).await, ["1.3", "1.2", "1.1"]);
    let study = bench.json("/studies?StudyInstanceUID=1.1&includefield=00081030,00080060").await.remove(0);
    for (tag, expected) in [
        ("00080061", json!(["CR", "DX"])),
        ("00201206", json!([2])),
        ("00201208", json!([3])),
        ("00080056", json!(["ONLINE"])),
        ("00080020", json!(["20260131"])),
        ("00100010", json!([{"Alphabetic": "CANARYNAME^Jane"}])),
        ("00081190", json!([format!("{}/dicom-web/studies/1.1", bench.copy.base)])),
    ] {
        assert_eq!(study[tag]["Value"], expected, "{tag}");
    }
    assert_eq!(bench.listed("/studies/1.1/series", "0020000E").await, ["1.1.2", "1.1.1"]);
    let series = bench.json("/studies/1.1/series?SeriesInstanceUID=1.1.1").await.remove(0);
    assert_eq!((&series["00201209"]["Value"], &series["00080060"]["Value"]), (&json!([2]), &json!(["CR"])));
    assert_eq!(bench.listed("/studies/1.1/instances", INSTANCE).await, ["1.1.2.1", "1.1.1.2", "1.1.1.1"]);
    assert_eq!(bench.listed("/studies/1.1/series/1.1.1/instances", INSTANCE).await, ["1.1.1.2", "1.1.1.1"]);
    assert_eq!(bench.listed("/series", "0020000E").await.len(), 4);
    let instance = bench.json("/instances?SOPInstanceUID=1.1.1.1").await.remove(0);
    assert_eq!(instance["00280010"]["Value"], json!([4]));
    assert_eq!(instance["00200013"]["Value"], json!([5]));
    assert_eq!(
        instance["00100020"]["Value"],
        json!(["CANARY4711"]),
        "of its study, which the address does not name"
    );
    assert_eq!(bench.ask("/studies/9.9/series", "*/*").await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&some()).await;
    assert_eq!(bench.listed("/studies?limit=2", STUDY).await, ["1.3", "1.2"]);
    assert_eq!(bench.listed("/studies?limit=2&offset=2", STUDY).await, ["1.1"]);
    assert!(bench.listed("/studies?limit=2&offset=4", STUDY).await.is_empty());
    // Also of those that headers tell.
    assert_eq!(bench.listed("/studies?StudyDate=20250101-&limit=1&offset=1", STUDY).await, ["1.2"]);
    let fuzzy = bench.ask("/studies?fuzzymatching=true&PatientName=roe*", "*/*").await;
    assert!(fuzzy.headers()["warning"].to_str().unwrap().starts_with("299 "));
    assert!(!bench.ask("/studies", "*/*").await.headers().contains_key("warning"));
}

#[tokio::test]
async fn what_is_searched_for_is_found_and_nothing_else() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&some()).await;
    bench
        .take(Object { study: "1.4", series: "1.4.1", instance: "1.4.1.1", ..OBJECT }.bytes(), "north")
        .await
        .unwrap();
    for (query, expected) in [
        ("StudyInstanceUID=1.1,1.3", &["1.3", "1.1"][..]),
        ("StudyInstanceUID=1.1%5C1.2", &["1.2", "1.1"]),
        ("ModalitiesInStudy=DX", &["1.3", "1.1"]),
        ("site=north", &["1.4"]),
        ("site=north&ModalitiesInStudy=DX", &[]),
        ("PatientID=R1", &["1.2"]),
        ("00100020=R*", &["1.2"]),
        ("PatientID=r1", &[]),
        ("PatientName=canaryname*&site=default", &["1.1"]),
        ("StudyDate=20251224", &["1.2"]),
        ("StudyDate=20260101-20261231&ModalitiesInStudy=CR", &["1.4", "1.1"]),
        ("AccessionNumber=CANARYACC&PatientID=R1", &["1.2"]),
        ("PatientID=&PatientName=*", &["1.4", "1.3", "1.2", "1.1"]),
    ] {
        assert_eq!(bench.listed(&format!("/studies?{query}"), STUDY).await, expected, "{query}");
    }
    assert_eq!(
        bench.listed("/instances?Modality=DX&InstanceNumber=5&site=default", INSTANCE).await,
        ["1.3.1.1", "1.1.2.1"]
    );
    assert_eq!(bench.listed("/studies/1.1/series?Modality=DX", "0020000E").await, ["1.1.2"]);
    assert!(bench.listed("/studies/1.1/series?StudyInstanceUID=1.2", STUDY).await.is_empty());
}

#[tokio::test]
async fn of_two_objects_with_one_name_the_newest_counts_unless_it_was_taken_out() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT, Object { grey: 9, patient_id: "NEW", modality: "DX", ..OBJECT }]).await;
    let study = bench.json("/studies").await.remove(0);
    assert_eq!(study["00100020"]["Value"], json!(["NEW"]));
    assert_eq!((&study["00201208"]["Value"], &study["00080061"]["Value"]), (&json!([1]), &json!(["DX"])));
    bench.take_out(2).await;
    let study = bench.json("/studies").await.remove(0);
    assert_eq!(study["00100020"]["Value"], json!(["CANARY4711"]));
    assert_eq!((&study["00201208"]["Value"], &study["00080061"]["Value"]), (&json!([1]), &json!(["CR"])));
    bench.take_out(1).await;
    assert!(bench.listed("/studies", STUDY).await.is_empty());
    let metadata = bench.refusal("/studies/1.1/metadata", "*/*").await;
    assert_eq!(metadata.0, "410 /problems/taken-out");
}

#[tokio::test]
async fn what_is_not_known_is_refused_in_words() {
    let bench = Bench::start(Access::Full).await;
    for (path, accept, expected) in [
        ("/studies?orderby=x", "*/*", "400 /problems/bad-request"),
        ("/studies?limit=0", "*/*", "400 /problems/bad-request"),
        ("/studies?Modality=CR", "*/*", "400 /problems/bad-request"),
        ("/studies", "multipart/related; type=\"application/dicom+xml\"", "406 /problems/not-acceptable"),
        ("/studies/1.1/metadata?x=1", "*/*", "400 /problems/bad-request"),
        ("/studies/9.9/metadata", "*/*", "404 /problems/not-found"),
        ("/nothing", "*/*", "404 /problems/not-found"),
    ] {
        let (kind, words) = bench.refusal(path, accept).await;
        assert_eq!(kind, expected, "{path}: {words}");
    }
    assert!(bench.refusal("/studies?orderby=x", "*/*").await.1.contains("orderby"));
}
