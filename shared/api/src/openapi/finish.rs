//! From what utoipa makes of handlers and types to what stands in the file. A field that may be absent is never null here:
//! utoipa takes each `Option` for both.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema as _, ToSchema as _};

use super::{SERVED_BY, entries, needed};
use crate::Problem;

/// The paths of `handlers`, each call with its service, and the schemas that they need.
pub(super) fn finished(handlers: &OpenApi, service: &str) -> Value {
    let mut document = json!(handlers);
    // Responses refer to it without bringing it along.
    document["components"]["schemas"][&*Problem::name()] = json!(Problem::schema());
    without_null(&mut document);
    without_schema_of_streams(&mut document);
    in_one_line(&mut document);
    let mut paths = document["paths"].take();
    for operations in paths.as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in operations.as_object_mut().into_iter().flat_map(Map::values_mut) {
            operation[SERVED_BY] = json!(service);
        }
    }
    let schemas = needed(&paths, &document["components"]["schemas"]);
    json!({ "paths": paths, "schemas": schemas })
}

/// Takes the null out of what may be left out: properties that are not required, and parameters.
fn without_null(value: &mut Value) {
    let required: Vec<Value> = value.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(properties) = value.get_mut("properties").and_then(Value::as_object_mut) {
        let optional = properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name)));
        optional.for_each(|(_, schema)| present(schema));
    }
    if value.get("in").is_some()
        && let Some(schema) = value.get_mut("schema")
    {
        present(schema);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(without_null),
        Value::Array(values) => values.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// The schema of a value that is there.
fn present(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").filter(|types| types.is_array()) {
        let named: Vec<Value> =
            types.as_array().into_iter().flatten().filter(|it| *it != "null").cloned().collect();
        if let [one] = &named[..] {
            *types = one.clone();
        }
    }
    let Some(Value::Array(choices)) = schema.get("oneOf") else { return };
    let named: Vec<&Value> = choices.iter().filter(|choice| choice["type"] != "null").collect();
    let ([one], true) = (&named[..], named.len() < choices.len()) else { return };
    let mut whole: Map<String, Value> = entries(one).map(|(name, it)| (name.clone(), it.clone())).collect();
    // What is said of the field counts more than what is said of its type.
    whole.extend(
        entries(schema).filter(|(name, _)| *name != "oneOf").map(|(name, it)| (name.clone(), it.clone())),
    );
    *schema = Value::Object(whole);
}

/// A stream is no string as a whole, and OpenAPI 3.1 has no word for what comes in it: the call's description tells that.
fn without_schema_of_streams(value: &mut Value) {
    if let Some(Value::Object(stream)) = value.get_mut("text/event-stream") {
        stream.remove("schema");
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(without_schema_of_streams),
        Value::Array(values) => values.iter_mut().for_each(without_schema_of_streams),
        _ => {}
    }
}

/// Descriptions come with the line breaks of the comments that they were.
fn in_one_line(value: &mut Value) {
    if let Some(Value::String(text)) = value.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(in_one_line),
        Value::Array(values) => values.iter_mut().for_each(in_one_line),
        _ => {}
    }
}
