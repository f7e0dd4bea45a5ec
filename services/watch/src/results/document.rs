//! A report reduced to one of its images: what stands beside the upload. Made of the document as it is, so that what a later release
//! adds to it is there too, and nothing is said that the report does not say.

use bytes::Bytes;
use hilum_events::JobId;
use serde_json::{Map, Value, json};

/// The value of `format`. Fields are only ever added under this name.
const FORMAT: &str = "hilum-object-result/1";
/// The doubt that names the images that were taken out of the study.
pub(super) const TAKEN_OUT: &str = "taken_out";
/// What is passed on of the whole study.
const OF_THE_STUDY: [&str; 10] = [
    "disclaimer",
    "study_id",
    "study_ref",
    "site",
    "revision",
    "as_of",
    "completeness",
    "doubts",
    "flags",
    "models",
];

/// What `report`, a document `hilum-report/1`, says of the image of `job_id`; `None` when that is nothing.
pub(super) fn of(report: &[u8], job_id: JobId) -> Option<Bytes> {
    let report: Map<String, Value> = serde_json::from_slice(report).ok()?;
    let is_of_job = |image: &&Value| image["job_id"] == json!(job_id);
    let image = report.get("images")?.as_array()?.iter().find(is_of_job);
    let status = match image {
        Some(image) => image["status"].clone(),
        None if taken_out_of(&report).any(|taken_out| taken_out == job_id) => json!(TAKEN_OUT),
        None => return None,
    };
    let mut document = Map::new();
    document.insert("format".to_owned(), json!(FORMAT));
    document.insert("job_id".to_owned(), json!(job_id));
    document.insert("status".to_owned(), status);
    document.insert("image".to_owned(), image.cloned().unwrap_or_default());
    for name in OF_THE_STUDY {
        if let Some(value) = report.get(name) {
            document.insert(name.to_owned(), value.clone());
        }
    }
    let study_id = report.get("study_id")?.as_str()?;
    document.insert("report".to_owned(), json!(format!("/v1/studies/{study_id}/report")));
    Some(format!("{:#}\n", Value::Object(document)).into())
}

/// The jobs whose images were taken out of the study.
pub(super) fn taken_out(report: &[u8]) -> Vec<JobId> {
    let report: Option<Map<String, Value>> = serde_json::from_slice(report).ok();
    report.iter().flat_map(taken_out_of).collect()
}

fn taken_out_of(report: &Map<String, Value>) -> impl Iterator<Item = JobId> {
    let doubts = report.get("doubts").and_then(Value::as_array).into_iter().flatten();
    let of_taken_out = doubts.filter(|doubt| doubt["code"] == TAKEN_OUT);
    let jobs = of_taken_out.filter_map(|doubt| doubt["job_ids"].as_array()).flatten();
    jobs.filter_map(|job| job.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::job_id;

    use super::*;

    fn report() -> Vec<u8> {
        let doubts = json!([{"code": TAKEN_OUT, "text": "it was", "job_ids": [job_id(3)]}]);
        let images = json!([
            {"job_id": job_id(1), "status": "completed", "reading": {"trained": false}},
            {"job_id": job_id(2), "status": "failed", "reason": "it is damaged"},
        ]);
        let report = json!({"format": "hilum-report/1", "disclaimer": "not a diagnosis", "study_id": "s", "revision": 4,
            "doubts": doubts, "images": images, "provenance": {"events": []}});
        report.to_string().into_bytes()
    }

    #[test]
    fn it_says_of_an_image_what_the_report_says_and_of_other_images_nothing() {
        let of = |number| -> Option<Value> {
            Some(serde_json::from_slice(&of(&report(), job_id(number))?).unwrap())
        };
        let read = of(1).unwrap();
        assert_eq!(
            (&read["status"], &read["image"]["reading"]["trained"]),
            (&json!("completed"), &json!(false))
        );
        assert_eq!((&read["disclaimer"], &read["revision"]), (&json!("not a diagnosis"), &json!(4)));
        assert_eq!(read["report"], "/v1/studies/s/report");
        let all = read.to_string();
        assert!(!all.contains("damaged") && !all.contains("provenance"), "{all}");
        assert_eq!(of(2).unwrap()["image"]["reason"], "it is damaged");
        let taken_out = of(3).unwrap();
        assert_eq!((&taken_out["status"], &taken_out["image"]), (&json!(TAKEN_OUT), &Value::Null));
        assert_eq!(of(4), None);
        assert_eq!(super::taken_out(&report()), [job_id(3)]);
    }
}
