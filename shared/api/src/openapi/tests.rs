//! The description as a whole: its references, its calls and its examples.

use super::*;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Each call with its path and method.
fn calls(document: &Value) -> Vec<(String, String, Value)> {
    let paths = entries(&document["paths"]);
    paths
        .flat_map(|(path, operations)| {
            entries(operations).map(move |(method, call)| (path.clone(), method.clone(), call.clone()))
        })
        .collect()
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_needed() {
    let document = document();
    let referred: BTreeSet<String> = references(&document).into_iter().collect();
    let schemas: BTreeSet<String> =
        entries(&document["components"]["schemas"]).map(|(name, _)| name.clone()).collect();
    assert_eq!(referred, schemas);
    assert!(entries(&document["components"]["schemas"]).all(|(_, schema)| schema.is_object()));
}

#[test]
fn every_call_has_a_name_of_its_own_a_summary_a_tag_and_a_service() {
    let document = document();
    let calls = calls(&document);
    let names: BTreeSet<&str> =
        calls.iter().filter_map(|(_, _, call)| call["operationId"].as_str()).collect();
    assert_eq!(names.len(), calls.len());
    for (path, method, call) in &calls {
        let is_whole = call["summary"].is_string() && call["tags"].is_array() && call[SERVED_BY].is_string();
        assert!(is_whole, "{method} {path}");
    }
}

#[cfg(feature = "contract")]
#[test]
fn every_example_of_an_answer_fits_its_schema() {
    use super::contract::{Answer, check_answer};

    let document = document();
    let mut checked = 0;
    for (path, method, call) in calls(&document) {
        for (status, response) in entries(&call["responses"]) {
            for (media_type, content) in entries(&response["content"]) {
                let one = content.get("example");
                let several = entries(&content["examples"]).filter_map(|(_, example)| example.get("value"));
                for example in one.into_iter().chain(several) {
                    let (media_type, body) = (Some(media_type.as_str()), example.to_string());
                    let (status, body) = (status.parse().unwrap(), body.as_bytes());
                    check_answer(Answer { method: &method, path: &path, status, media_type, body }).unwrap();
                    checked += 1;
                }
                let is_json =
                    media_type == "application/json" && path.starts_with("/v1") && !path.ends_with("/report");
                assert!(
                    !is_json || content.get("example").is_some() || content.get("examples").is_some(),
                    "{method} {path}"
                );
            }
        }
    }
    assert!(checked > 100, "{checked}");
}
