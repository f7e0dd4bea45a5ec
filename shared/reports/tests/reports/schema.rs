//! The published schema of the document, as a validator that is not ours understands it.

use std::fmt::Debug;
use std::iter::successors;

use hilum_events::{MediaType, ReportCause};
use hilum_reports::{ChangeKind, Doubt, HeaderField, ImageStatus, SCHEMA, samples};
use jsonschema::Validator;
use serde::Serialize;
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
    let mut report = samples::incomplete();
    report.set_time_zone(&"Asia/Seoul".parse().unwrap());
    serde_json::from_slice(&report.to_json().unwrap()).unwrap()
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
    let zones = ["Asia/Seoul", "Europe/Berlin", "America/Sao_Paulo", "UTC"].map(|zone| {
        let mut report = samples::incomplete();
        report.set_time_zone(&zone.parse().unwrap());
        report
    });
    let mut named = samples::revised();
    named.provenance.previous_document = Some(samples::made_preview());
    let reports = reports.into_iter().chain([doubtful, named]).chain(zones);
    let documents: Vec<_> = reports.map(|report| report.to_json().unwrap()).collect();
    for bytes in documents.iter().map(Vec::as_slice).chain([&earlier[..]]) {
        let document = serde_json::from_slice(bytes).unwrap();
        assert_eq!(errors(&document), [] as [String; 0]);
    }
}

/// Each value of its type. What gives the next one knows all of them, or the compiler says which it does not know.
fn all<T: Copy + Debug + Serialize>(first: T, next: fn(T) -> Option<T>) -> Vec<Value> {
    successors(Some(first), |value| next(*value)).map(|value| json!(value)).collect()
}

fn every_cause() -> Vec<Value> {
    all(ReportCause::QuietTime, |cause| match cause {
        ReportCause::QuietTime => Some(ReportCause::Closed),
        ReportCause::Closed => Some(ReportCause::Expected),
        ReportCause::Expected => Some(ReportCause::ExpectedSeries),
        ReportCause::ExpectedSeries => Some(ReportCause::TimeLimit),
        ReportCause::TimeLimit => Some(ReportCause::ImageTakenOut),
        ReportCause::ImageTakenOut => None,
    })
}

fn every_media_type() -> Vec<Value> {
    all(MediaType::Png, |media_type| match media_type {
        MediaType::Png => Some(MediaType::Jpeg),
        MediaType::Jpeg => Some(MediaType::Dicom),
        MediaType::Dicom => None,
    })
}

fn every_change() -> Vec<Value> {
    all(ChangeKind::Added, |change| match change {
        ChangeKind::Added => Some(ChangeKind::OutcomeChanged),
        ChangeKind::OutcomeChanged => None,
    })
}

fn every_status() -> Vec<Value> {
    all(ImageStatus::Completed, |status| match status {
        ImageStatus::Completed => Some(ImageStatus::Failed),
        ImageStatus::Failed => Some(ImageStatus::Pending),
        ImageStatus::Pending => None,
    })
}

/// A document for each value of a field that has a list of them, and the list is that of the type.
#[test]
fn the_schema_accepts_every_value_that_is_issued() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for (field, list, values) in [
        ("/cause", "/properties/cause/enum", every_cause()),
        ("/images/0/media_type", "/$defs/image/properties/media_type/enum", every_media_type()),
        ("/changes/0/change", "/properties/changes/items/properties/change/enum", every_change()),
    ] {
        for value in &values {
            let mut document = document();
            *document.pointer_mut(field).unwrap() = value.clone();
            assert_eq!(errors(&document), [] as [String; 0], "{field}: {value}");
            let read = hilum_reports::Report::from_json(document.to_string().as_bytes());
            assert!(read.is_ok(), "{field}: {value}");
        }
        assert_eq!(schema.pointer(list), Some(&json!(values)), "{list}");
    }
    // An image of each status has other fields; the story has them all.
    let statuses = document()["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["status"].clone())
        .collect::<Vec<_>>();
    for status in every_status() {
        assert!(statuses.contains(&status), "{status}");
    }
    assert_eq!(schema.pointer("/$defs/image/properties/status/enum"), Some(&json!(every_status())));
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
        "/time_zone/name",
        "/time_zone/offsets/0/utc_offset",
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
        ("/time_zone/offsets", json!([])),
        ("/time_zone/offsets/0/from", json!("in summer")),
        ("/time_zone/offsets/0/utc_offset", json!("+0900")),
        ("/time_zone/offsets/0/abbreviation", json!("")),
        ("/provenance/events", json!([])),
    ] {
        let mut document = document();
        let (parent, name) = field.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        assert!(!errors(&document).is_empty(), "{field}");
    }
}
