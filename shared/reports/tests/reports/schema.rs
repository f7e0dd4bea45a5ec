//! The published schema of the document, as a validator that is not ours understands it.

use hilum_reports::{Doubt, HeaderField, SCHEMA, samples};
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// What is wrong with the document, one line for each error.
fn errors(document: &Value) -> Vec<String> {
    let schema = schema();
    schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn document() -> Value {
    serde_json::from_slice(&samples::incomplete().to_json().unwrap()).unwrap()
}

#[test]
fn the_documents_of_the_story_and_those_of_earlier_releases_fit() {
    let earlier = include_bytes!("../../golden/document-without-pictures.json");
    let reports = [samples::one_of_each(), samples::revised(), samples::incomplete()];
    let mut doubtful = samples::revised();
    let images = [(1, doubtful.images[0].job_id)];
    doubtful.doubts = vec![
        Doubt::headers_differ(vec![
            HeaderField::PatientId,
            HeaderField::PatientName,
            HeaderField::BirthDate,
            HeaderField::Sex,
        ]),
        Doubt::without_patient(&images),
        Doubt::instance_twice(&images),
        Doubt::taken_out(vec![images[0].1]),
    ];
    let reports = reports.into_iter().chain([doubtful]);
    let documents: Vec<_> = reports.map(|report| report.to_json().unwrap()).collect();
    for bytes in documents.iter().map(Vec::as_slice).chain([&earlier[..]]) {
        let document = serde_json::from_slice(bytes).unwrap();
        assert_eq!(errors(&document), [] as [String; 0]);
    }
}

#[test]
fn a_field_that_a_later_release_adds_fits() {
    let mut document = document();
    document["images"][0]["reading"]["findings"][0]["calibrated_probability"] = json!(0.5);
    assert_eq!(errors(&document), [] as [String; 0]);
}

#[test]
fn every_field_that_is_left_out_is_missed() {
    for field in [
        "/format",
        "/disclaimer",
        "/summary/failed",
        "/models/0/notice",
        "/images/0/job_id",
        "/images/0/reading",
        "/images/0/reading_id",
        "/images/2/reason",
        "/images/0/reading/model",
        "/images/0/reading/findings",
        "/images/0/reading/findings/0/probability",
        "/images/0/reading/region/side",
        "/images/0/preview/sha256",
        "/provenance/cause_event_id",
    ] {
        let mut document = document();
        let (parent, name) = field.rsplit_once('/').unwrap();
        assert!(
            document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).is_some(),
            "{field}"
        );
        assert!(!errors(&document).is_empty(), "{field}");
    }
}

#[test]
fn every_value_outside_of_its_range_is_refused() {
    for (field, value) in [
        ("/format", json!("hilum-report/2")),
        ("/disclaimer", json!(" ")),
        ("/study_id", json!("S-1")),
        ("/study_ref", json!("Doe^Jane")),
        ("/revision", json!(0)),
        ("/as_of", json!("yesterday")),
        ("/cause", json!("in a hurry")),
        ("/summary/images", json!(-1)),
        ("/images/0/sha256", json!("abc")),
        ("/images/0/status", json!("read")),
        ("/images/0/reason", json!("completed, and yet a reason")),
        ("/images/2/reading", json!({})),
        ("/images/0/reading/findings", json!([])),
        ("/images/0/reading/findings/0/label", json!("Lung  Lesion")),
        ("/images/0/reading/findings/0/logit", json!(null)),
        ("/images/0/reading/findings/0/probability", json!(1.01)),
        ("/images/0/reading/findings/0/operating_point_score", json!(-0.01)),
        ("/images/0/reading/region/side", json!(0)),
        ("/images/0/reading/times/forward_ms", json!(-1)),
        ("/images/0/reading/activation_maps/0/values", json!(["1"])),
        ("/images/4/reason", json!("no outcome yet, and yet a reason")),
        ("/completeness/complete", json!(true)),
        ("/flags/0/threshold", json!(1.5)),
        ("/comparison/findings/0/earlier_probability", json!("low")),
        ("/comparison/same_model", json!(false)),
        ("/provenance/events", json!([])),
    ] {
        let mut document = document();
        let (parent, name) = field.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        assert!(!errors(&document).is_empty(), "{field}");
    }
}
