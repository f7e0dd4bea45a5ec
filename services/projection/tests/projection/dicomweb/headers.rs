//! Headers that can't be had, and rows that are made again.

use bytes::Bytes;
use hilum_projection::dicomweb::access::Access;
use hilum_servers::wait_until;

use super::bench::{Bench, OBJECT, Object};
use crate::harness::DEADLINE;

#[tokio::test]
async fn what_can_not_be_read_is_told_by_its_identifiers_and_never_passed_over_in_silence() {
    let mut bench = Bench::start(Access::Full).await;
    let lost = Object { study: "1.2", series: "1.2.1", instance: "1.2.1.1", grey: 8, ..OBJECT };
    bench.hold(&[OBJECT, lost.clone()]).await;
    let place =
        bench.world.folder().join("objects").join(bench.world.blobs.put(lost.bytes()).await.unwrap().key);
    std::fs::remove_file(place).unwrap();
    let listed = bench.ask("/studies", "*/*").await;
    assert!(listed.headers()["warning"].to_str().unwrap().contains("1 of these"), "{listed:?}");
    assert_eq!(bench.listed("/studies", "0020000D").await, ["1.2", "1.1"]);
    let searched = bench.ask("/studies?PatientID=CANARY4711", "*/*").await;
    assert!(searched.headers()["warning"].to_str().unwrap().contains("not searched"), "{searched:?}");
    assert_eq!(bench.refusal("/studies/1.2/metadata", "*/*").await.0, "500 /problems/internal");
    assert_eq!(bench.refusal("/studies/1.2", "*/*").await.0, "500 /problems/internal");
}

#[tokio::test]
async fn a_retrieval_of_which_an_object_is_damaged_breaks_off() {
    let mut bench = Bench::start(Access::Full).await;
    let second = Object { instance: "1.1.1.2", grey: 8, ..OBJECT };
    bench.hold(&[OBJECT, second.clone()]).await;
    let place =
        bench.world.folder().join("objects").join(bench.world.blobs.put(second.bytes()).await.unwrap().key);
    let mut bytes = second.bytes().to_vec();
    *bytes.last_mut().unwrap() = 0;
    std::fs::write(place, &bytes).unwrap();
    let response = bench.ask("/studies/1.1", "*/*").await;
    assert_eq!(response.status(), 200, "the first one is whole");
    assert!(response.bytes().await.is_err(), "and the answer has no end");
    let alone = bench.refusal("/studies/1.1/series/1.1.1/instances/1.1.1.2", "application/dicom").await;
    assert_eq!(alone.0, "500 /problems/internal");
}

#[tokio::test]
async fn rows_of_objects_are_the_same_made_anew_and_filled_in_later() {
    let mut bench = Bench::start(Access::Full).await;
    bench.hold(&[OBJECT, OBJECT, Object { instance: "1.1.1.2", grey: 8, ..OBJECT }]).await;
    bench.take_out(2).await;
    let rows = bench.world.dump().await["instances"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 3);

    // As tables of an earlier release are.
    bench.world.sql("hilum", "DELETE FROM instances").await;
    let later = bench.world.projection().await;
    bench.copy.ask_to_stop();
    let world = &bench.world;
    let filled = || async { world.dump().await["instances"] == rows };
    assert!(wait_until(DEADLINE, filled).await, "{}", bench.world.dump().await["instances"]);
    later.stop().await;

    bench.world.sql("hilum", "DROP TABLE jobs CASCADE").await;
    let anew = bench.world.projection().await;
    anew.ready().await;
    assert_eq!(bench.world.dump().await["instances"], rows);
    anew.stop().await;
}

#[tokio::test]
async fn a_header_without_end_is_told_by_its_identifiers() {
    let mut bench = Bench::start(Access::Full).await;
    let mut bytes = OBJECT.bytes().to_vec();
    let pixels = bytes.len() - 32 - 12;
    // Private elements, each of some bytes, up to more than is answered.
    let mut many = Vec::new();
    for number in 0x1000..0xFF00_u16 {
        many.extend([0x29, 0x00]);
        many.extend(number.to_le_bytes());
        many.extend(*b"LO\x08\x00CANARYNA");
    }
    bytes.splice(pixels..pixels, many);
    // The group of private elements stands behind 0028.
    bench.take(Bytes::from(bytes), "").await.unwrap();
    let response = bench.ask("/studies/1.1/metadata", "*/*").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("warning"));
    let text = response.text().await.unwrap();
    assert!(text.contains("1.1.1.1") && !text.contains("CANARYNA"), "{text}");
}
