//! What a report says of an object is written beside it.

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{Envelope, Event, ImageStored, ReportIssued, StudyId, samples};
use hilum_servers::wait_until;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bench::{Bench, LIMIT, OFTEN, WATCH, data};

const FILE: &str = "encodings/grey8_explicit.dcm";
const RESULT: &str = "results/in/Doe Jane.dcm.hilum.json";

/// Reports an image as the report service does.
async fn report(bench: &Bench, image: &(Envelope, ImageStored), revision: u32) {
    report_in(image.1.study_id, bench, image, revision).await;
}

async fn report_in(
    study_id: StudyId,
    bench: &Bench,
    (stored, image): &(Envelope, ImageStored),
    revision: u32,
) {
    let document = json!({
        "format": "hilum-report/1", "disclaimer": "not a diagnosis", "study_id": study_id, "revision": revision,
        "images": [{"job_id": image.job_id, "status": "failed", "reason": format!("as of revision {revision}")}],
    });
    let store = format!("file://{}", bench.folder.path().join("store").display());
    let store = BlobStore::open(&StoreConfig::at(&store)).unwrap();
    let Event::ReportIssued(sample) = samples::report_issued(revision, &[1], 0).event else { panic!() };
    let issued = ReportIssued {
        study_id,
        revision,
        json: store.put(document.to_string().into()).await.unwrap(),
        job_ids: vec![image.job_id],
        ..sample
    };
    bench.log.append(&stored.next(Timestamp::now(), Event::ReportIssued(issued))).await.unwrap();
}

impl Bench {
    /// Waits until the result of this revision is written.
    async fn result(&self, revision: u32) -> Value {
        let read = || async {
            let result: Value = serde_json::from_slice(&self.get(RESULT).await?).unwrap();
            (result["revision"] == revision).then_some(result)
        };
        assert!(wait_until(LIMIT, || async { read().await.is_some() }).await, "revision {revision}");
        read().await.unwrap()
    }
}

#[tokio::test]
async fn the_newest_revision_stands_beside_the_upload_whoever_was_away_meanwhile() {
    let mut bench = Bench::start(&format!("{WATCH}results = 'results/'\n"), &[OFTEN]).await;
    bench.put("in/Doe Jane.dcm", data(FILE)).await;
    let stored = bench.wait_for(1).await.pop().unwrap();
    report(&bench, &stored, 1).await;
    let result = bench.result(1).await;
    assert_eq!((&result["status"], &result["job_id"]), (&json!("failed"), &json!(stored.1.job_id)));
    assert_eq!(result["image"]["reason"], "as of revision 1");
    // One that was written before the service stopped, and two that came when it was away.
    bench.stop().await;
    report(&bench, &stored, 2).await;
    report(&bench, &stored, 3).await;
    bench.run(&[OFTEN]).await;
    assert_eq!(bench.result(3).await["image"]["reason"], "as of revision 3");
    bench.wait_for(1).await;
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn the_result_of_an_object_that_was_written_over_never_stands_for_the_new_one() {
    let bench = Bench::start(&format!("{WATCH}results = 'results/'\n"), &[OFTEN]).await;
    bench.put("in/Doe Jane.dcm", data(FILE)).await;
    let old = bench.wait_for(1).await.pop().unwrap();
    // The second in which it was written is part of what it is.
    bench.put("in/Doe Jane.dcm", data("encodings/grey8_jpeg_baseline.dcm")).await;
    let new = bench.wait_for(2).await.pop().unwrap();
    report(&bench, &new, 1).await;
    assert_eq!(bench.result(1).await["job_id"], json!(new.1.job_id));
    for revision in 2..4 {
        report_in(StudyId::of_lone_job(old.1.job_id), &bench, &old, revision).await;
    }
    report(&bench, &new, 4).await;
    assert_eq!(bench.result(4).await["job_id"], json!(new.1.job_id));
    let log = std::fs::read_to_string(bench.log_file()).unwrap();
    assert_eq!(log.matches("another object lies under its key").count(), 2, "{log}");
}

#[tokio::test]
async fn an_object_of_a_watch_without_results_gets_none() {
    let bench = Bench::start(WATCH, &[OFTEN]).await;
    bench.put("in/Doe Jane.dcm", data(FILE)).await;
    let stored = bench.wait_for(1).await.pop().unwrap();
    assert_eq!(
        bench.log.held_in(hilum_log::UPLOADED_OBJECTS).await.unwrap(),
        0,
        "its name is not kept either"
    );
    report(&bench, &stored, 1).await;
    assert!(bench.get(RESULT).await.is_none());
}
