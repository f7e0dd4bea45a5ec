//! WADO-RS: objects as they were stored, what they say, and their frames.

use std::time::Duration;

use hilum_projection::dicomweb::access::Access;
use reqwest::StatusCode;
use serde_json::json;

use super::bench::{Bench, OBJECT, Object, parts};
use crate::harness::{DEADLINE, World};

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

/// An object longer than what connections hold.
fn long() -> bytes::Bytes {
    let file = OBJECT.bytes();
    let (header, pixels) = file.split_at(file.len() - 32 - 12);
    let mut long = header.to_vec();
    for number in 0x2000..0x2190_u16 {
        long.extend([0x29, 0x00]);
        long.extend(number.to_le_bytes());
        long.extend(*b"UN\0\0");
        long.extend(60_000_u32.to_le_bytes());
        long.extend([0; 60_000]);
    }
    long.extend(pixels);
    long.into()
}

#[tokio::test]
async fn only_so_many_retrievals_are_under_way() {
    let mut bench = Bench::start(Access::Full).await;
    bench.take(long(), "").await.unwrap();
    let mut under_way = Vec::new();
    for _ in 0..4 {
        let response = bench.ask("/studies/1.1", ANY).await;
        assert_eq!(response.status(), StatusCode::OK);
        under_way.push(response);
    }
    let refused = bench.ask("/studies/1.1", ANY).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(parts(under_way.pop().unwrap()).await[0].1, long());
    assert!(can_be_retrieved(&bench).await);
}

#[tokio::test]
async fn who_takes_nothing_loses_its_place_and_learns_that_the_answer_is_not_whole() {
    let world = World { access: Access::Full, patience: Duration::from_millis(200), ..World::start().await };
    let mut bench = Bench::of(world).await;
    bench.take(long(), "").await.unwrap();
    let mut under_way = Vec::new();
    for _ in 0..4 {
        under_way.push(bench.ask("/studies/1.1/series/1.1.1/instances/1.1.1.1", "application/dicom").await);
    }
    assert!(can_be_retrieved(&bench).await, "though the others still have theirs");
    for response in under_way {
        assert!(response.bytes().await.is_err());
    }
}

/// Whether there comes to be a place again.
async fn can_be_retrieved(bench: &Bench) -> bool {
    let again = || async {
        let response = bench.ask("/studies/1.1", ANY).await;
        response.status() == StatusCode::OK && response.bytes().await.is_ok()
    };
    hilum_servers::wait_until(DEADLINE, again).await
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
