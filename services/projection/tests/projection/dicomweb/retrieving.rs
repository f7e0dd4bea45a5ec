//! WADO-RS: objects as they were stored, what they say, and their frames.

use hilum_projection::dicomweb::access::Access;
use reqwest::StatusCode;
use serde_json::json;

use super::bench::{Bench, OBJECT, Object, parts};

const INSTANCE: &str = "/studies/1.1/series/1.1.1/instances/1.1.1.1";
const ANY: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

#[tokio::test]
async fn a_study_is_retrieved_object_by_object_as_it_was_stored() {
    let mut bench = Bench::start(Access::Full).await;
    let second = Object { instance: "1.1.1.2", grey: 8, ..OBJECT };
    let third = Object { series: "1.1.2", instance: "1.1.2.1", grey: 9, ..OBJECT };
    bench.hold(&[OBJECT, second.clone(), third.clone(), Object { study: "1.2", ..OBJECT }]).await;
    let contents =
        |found: Vec<(String, bytes::Bytes)>| found.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    let found = parts(bench.ask("/studies/1.1", ANY).await).await;
    assert!(found.iter().all(|(head, _)| {
        head.contains("Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n")
    }));
    assert_eq!(contents(found), [OBJECT.bytes(), second.bytes(), third.bytes()]);
    let found = parts(bench.ask("/studies/1.1/series/1.1.1", "*/*").await).await;
    assert_eq!(contents(found), [OBJECT.bytes(), second.bytes()]);
    let one = bench.ask(INSTANCE, "application/dicom").await;
    assert_eq!(one.headers()["content-type"], "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
    assert_eq!(one.bytes().await.unwrap(), OBJECT.bytes());
}

#[tokio::test]
async fn what_is_not_held_as_it_is_wanted_is_refused() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT, Object { instance: "1.1.1.2", grey: 8, ..OBJECT }]).await;
    let jpeg = "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50";
    for (path, accept, expected) in [
        (INSTANCE, jpeg, "406 /problems/not-acceptable"),
        ("/studies/1.1", "application/dicom", "406 /problems/not-acceptable"),
        ("/studies/1.1/series/9.9", ANY, "404 /problems/not-found"),
        ("/studies/1.1/series/1.1.1/instances/9.9", ANY, "404 /problems/not-found"),
        ("/studies/1.1/series/9.9/instances/1.1.1.1", ANY, "404 /problems/not-found"),
        ("/studies/1.1?site=north", ANY, "404 /problems/not-found"),
        ("/studies/1.1?site=a%20b", ANY, "400 /problems/bad-request"),
        ("/studies/1.1/metadata", "application/dicom+xml", "406 /problems/not-acceptable"),
    ] {
        assert_eq!(bench.refusal(path, accept).await.0, expected, "{path} {accept}");
    }
    bench.take_out(1).await;
    assert_eq!(bench.refusal(INSTANCE, ANY).await.0, "410 /problems/taken-out");
    assert_eq!(parts(bench.ask("/studies/1.1", ANY).await).await.len(), 1);
}

#[tokio::test]
async fn only_so_many_retrievals_are_under_way() {
    let mut bench = Bench::start(Access::Full).await;
    // Longer than what connections hold.
    let mut long = OBJECT.bytes().to_vec();
    let end = long.len() - 32 - 12;
    let padding = vec![0; 60_000];
    for number in 0..400_u16 {
        let mut element = vec![0x29, 0x00, 0, 0x20];
        element[2..4].copy_from_slice(&(0x2000 + number).to_le_bytes());
        element.extend(*b"UN\0\0");
        element.extend((padding.len() as u32).to_le_bytes());
        element.extend(&padding);
        long.splice(
            end + usize::from(number) * (padding.len() + 12)
                ..end + usize::from(number) * (padding.len() + 12),
            element,
        );
    }
    bench.take(long.into(), "").await.unwrap();
    let mut under_way = Vec::new();
    for _ in 0..4 {
        let response = bench.ask("/studies/1.1", ANY).await;
        assert_eq!(response.status(), StatusCode::OK);
        under_way.push(response);
    }
    let refused = bench.ask("/studies/1.1", ANY).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(parts(under_way.pop().unwrap()).await.len(), 1);
    let again = || async { bench.ask("/studies/1.1", ANY).await.status() == StatusCode::OK };
    assert!(hilum_servers::wait_until(crate::harness::DEADLINE, again).await);
}

#[tokio::test]
async fn metadata_is_all_that_a_header_says_but_its_pixels() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT]).await;
    let said = bench.json(&format!("{INSTANCE}/metadata")).await.remove(0);
    assert_eq!(said["00100010"], json!({"vr": "PN", "Value": [{"Alphabetic": "CANARYNAME^Jane"}]}));
    assert_eq!(said["00090010"], json!({"vr": "LO", "Value": ["CANARYNAME"]}));
    assert_eq!(said["00280301"], json!({"vr": "CS", "Value": ["NO"]}));
    assert!(said.get("7FE00010").is_none());
    let at = said["00081190"]["Value"][0].as_str().unwrap();
    assert_eq!(at, format!("{}/dicom-web{INSTANCE}", bench.copy.base));
    assert_eq!(
        bench.json("/studies/1.1/metadata").await,
        bench.json("/studies/1.1/series/1.1.1/metadata").await
    );
}

#[tokio::test]
async fn the_only_frame_is_retrieved_as_it_is_stored() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT]).await;
    let frame = format!("{INSTANCE}/frames/1");
    let bytes = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
    let found = parts(bench.ask(&frame, bytes).await).await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0].0.contains("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n"),
        "{}",
        found[0].0
    );
    assert_eq!(found[0].1, [7; 32][..]);
    assert_eq!(bench.ask(&frame, "application/octet-stream").await.bytes().await.unwrap(), [7; 32][..]);
    for (path, accept, expected) in [
        (frame.as_str(), "image/jpeg", "406 /problems/not-acceptable"),
        (&format!("{INSTANCE}/frames/2"), bytes, "404 /problems/not-found"),
        (&format!("{INSTANCE}/frames/1,2"), bytes, "404 /problems/not-found"),
        (&format!("{INSTANCE}/frames/0"), bytes, "400 /problems/bad-request"),
        (&format!("{INSTANCE}/frames/x"), bytes, "400 /problems/bad-request"),
    ] {
        assert_eq!(bench.refusal(path, accept).await.0, expected, "{path} {accept}");
    }
}
