//! The second level of deduplication, and images that a model was not made for.

use hilum_events::{BlobRef, Envelope, Event};
use hilum_tests::{Stack, StackOptions, StoreKind, Upload, sample};
use nix::sys::signal::Signal;
use serde_json::Value;

const PNG: &str = "mhh_19073f37.png";
/// The same pixels, uncompressed.
const DICOM: &str = "chest_mhh_19073f37.dcm";

#[tokio::test]
async fn the_same_picture_in_another_file_takes_over_the_reading_and_says_so() {
    let mut stack = Stack::start(StackOptions { store: StoreKind::S3, ..StackOptions::default() }).await;
    let first = stack.submit(Upload::sample(PNG)).await;
    let first = stack.result(&first).await;
    assert!(first.get("reused_from").is_none(), "{first}");
    // What is known of a picture outlives the worker that read it.
    stack.end("infer", Signal::SIGTERM).await;
    stack.start_again("infer").await;

    let second = stack.submit(Upload::sample(DICOM).with("study", "S-2")).await;
    let job = stack.ended(&second).await;
    assert_eq!(job.get("duplicate_of"), None, "the bytes are others: {job}");
    let second = stack.result(&second).await;
    assert_eq!(second["reused_from"], first["reading_id"]);
    assert_ne!(second["reading_id"], first["reading_id"]);
    for same in ["findings", "activation_maps", "pixel_digest", "region"] {
        assert_eq!(second[same], first[same], "{same}");
    }
    assert_eq!(second["times"]["forward_ms"], 0.0, "the model was not asked");
    let previews: Vec<_> = stack.events().await.into_iter().filter_map(preview).collect();
    assert_eq!(previews.len(), 2, "each reading kept a picture for people");
    for kept in previews {
        let png = std::fs::read(stack.object_file(&kept.sha256)).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() as u64 == kept.size_bytes);
    }
    let report = stack.report("S-2", 1).await;
    assert_eq!(report["images"][0]["reading"]["reused_from"], first["reading_id"], "{report}");
    stack.assert_settled().await;
}

#[tokio::test]
async fn what_the_model_was_not_made_for_is_refused_or_flagged() {
    let stack = Stack::start(StackOptions::default()).await;
    let sent = async |study: &str, from: &[u8], to: &[u8]| {
        let job = stack.submit(Upload::bytes(&changed(from, to)).with("study", study)).await;
        stack.ended(&job).await
    };
    let said = |job: &Value| job["reason"].as_str().unwrap_or_default().to_owned();

    let tomography = sent("CT", b"\x08\x00\x60\x00CS\x02\x00CR", b"\x08\x00\x60\x00CS\x02\x00CT").await;
    assert_eq!(tomography["status"], "FAILED", "{tomography}");
    assert!(said(&tomography).contains("modality") && said(&tomography).contains("CR, DX"), "{tomography}");

    let elbow = sent("ELB", b"CS\x06\x00CHEST ", b"CS\x06\x00ELBOW ").await;
    assert_eq!(elbow["status"], "FAILED", "{elbow}");
    assert!(said(&elbow).contains("body part") && !elbow.to_string().contains("ELBOW"), "{elbow}");

    let silent = sent("NONE", b"\x08\x00\x60\x00CS\x02\x00CR", b"\x08\x00\x60\x00CS\x02\x00  ").await;
    assert_eq!(silent["status"], "COMPLETED", "{silent}");
    let result = stack.result(silent["job_id"].as_str().unwrap()).await;
    // Its SOP class still says that it is CR; what nothing says is its view.
    let codes: Vec<&str> =
        result["notices"].as_array().unwrap().iter().filter_map(|notice| notice["code"].as_str()).collect();
    assert_eq!(codes, ["unknown_view"], "{result}");
    stack.report("NONE", 1).await;
    let page = format!("{}/v1/studies/NONE/report?format=html", stack.query_url());
    let page = stack.http.get(page).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("does not name the view"), "{page}");
    stack.assert_settled().await;
}

fn preview(envelope: Envelope) -> Option<BlobRef> {
    match envelope.event {
        Event::InferenceCompleted(reading) => reading.preview,
        _ => None,
    }
}

/// The chest sample with `from`, which it holds one time, replaced by `to`.
fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = std::fs::read(sample(DICOM)).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1);
    bytes[places[0]..places[0] + to.len()].copy_from_slice(to);
    bytes
}
