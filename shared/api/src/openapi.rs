//! The description of the API: `openapi.json`, made of what the services' handlers say of themselves. Each service checks the
//! part that it serves, and renews it when [`RENEW`] is set. Only tests make descriptions; at run time the file is served.

#[cfg(feature = "contract")]
pub mod contract;
mod finish;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The description, as it is served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The environment variable that has the tests write what they would compare: `HILUM_RENEW=1 cargo test …`.
pub const RENEW: &str = "HILUM_RENEW";

/// Names the service that answers a call; `every` for pages that each of them has.
const SERVED_BY: &str = "x-served-by";

const DESCRIPTION: &str = "Sends medical images in and asks for their readings. Every error is a problem document (RFC 9457) that \
    says what to do. Nobody needs to poll: `wait` holds an answer back until the job has ended, and `/v1/jobs/{id}/events` \
    streams its life. Answers may get further fields. Research use only: not a medical device.";

/// Compares what the handlers of `service` say of themselves with what stands in the file of the description.
///
/// # Errors
/// What differs, and how the file is renewed.
pub fn check_part(service: &str, handlers: &OpenApi) -> Result<(), String> {
    let ours = finish::finished(handlers, service);
    // Not the constant: another service's test may have renewed its part a moment ago.
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let stands: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if std::env::var_os(RENEW).is_some() {
        let renewed = renewed(stands, ours, service);
        let text = serde_json::to_string_pretty(&renewed).map_err(|error| error.to_string())?;
        return std::fs::write(file, text + "\n").map_err(|error| error.to_string());
    }
    let stands = part_of(&stands, service);
    let differences = differences("", &stands, &ours);
    if differences.is_empty() {
        return Ok(());
    }
    let differences = differences.join("\n");
    Err(format!(
        "shared/api/openapi.json does not say what the handlers of {service} say; look whether that is meant, and renew it with \
         {RENEW}=1 and this test:\n{differences}"
    ))
}

/// The paths of one service, as `get /v1/jobs`.
pub fn calls_of(service: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut calls = BTreeSet::new();
    for (path, operations) in entries(&document["paths"]) {
        let ours = entries(operations).filter(|(_, operation)| operation[SERVED_BY] == service);
        calls.extend(ours.map(|(method, _)| format!("{method} {path}")));
    }
    calls
}

/// The paths of one service and the schemas that they need.
fn part_of(document: &Value, service: &str) -> Value {
    let mut paths = Map::new();
    for (path, operations) in entries(&document["paths"]) {
        let ours = entries(operations).filter(|(_, operation)| operation[SERVED_BY] == service);
        let ours: Map<_, _> = ours.map(|(method, operation)| (method.clone(), operation.clone())).collect();
        if !ours.is_empty() {
            paths.insert(path.clone(), Value::Object(ours));
        }
    }
    let paths = Value::Object(paths);
    let schemas = needed(&paths, &document["components"]["schemas"]);
    json!({ "paths": paths, "schemas": schemas })
}

/// The whole document with the part of `service` anew, and without schemas that nothing needs any more.
fn renewed(mut document: Value, part: Value, service: &str) -> Value {
    let mut paths = Map::new();
    for (path, operations) in entries(&document["paths"]) {
        let others = entries(operations).filter(|(_, operation)| operation[SERVED_BY] != service);
        paths.insert(path.clone(), others.map(|(method, it)| (method.clone(), it.clone())).collect());
    }
    for (path, operations) in entries(&part["paths"]) {
        let here = paths.entry(path.clone()).or_insert_with(|| json!({}));
        for (method, operation) in entries(operations) {
            here[method] = operation.clone();
        }
    }
    paths.retain(|_, operations| operations.as_object().is_some_and(|it| !it.is_empty()));
    let mut schemas = document["components"]["schemas"].take();
    for (name, schema) in entries(&part["schemas"]) {
        schemas[name] = schema.clone();
    }
    let paths = Value::Object(paths);
    let schemas = needed(&paths, &schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hilum",
            "version": "1",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "the base URL of a stack" }],
        "tags": [
            { "name": "images", "description": "Send images in and follow their jobs." },
            { "name": "studies", "description": "What is reported together, and its reports." },
            { "name": "operation", "description": "For operators: figures, and what was given up or lost." },
            { "name": "pages", "description": "For whatever watches over a stack." },
        ],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// The schemas to which `value` refers, and those to which they refer.
fn needed(value: &Value, schemas: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut open = references(value);
    while let Some(name) = open.pop() {
        if !found.contains_key(&name) {
            let schema = schemas[&name].clone();
            open.extend(references(&schema));
            found.insert(name, schema);
        }
    }
    found
}

fn references(value: &Value) -> Vec<String> {
    let own = value.get("$ref").and_then(Value::as_str);
    let own = own.and_then(|path| path.strip_prefix("#/components/schemas/")).map(str::to_owned);
    let inner: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(values) => values.iter().collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(inner.into_iter().flat_map(references)).collect()
}

/// Where two documents differ: the paths to the deepest values that do.
fn differences(at: &str, stands: &Value, is: &Value) -> Vec<String> {
    if stands == is {
        return Vec::new();
    }
    if let (Value::Object(stands), Value::Object(is)) = (stands, is) {
        let names: BTreeSet<&String> = stands.keys().chain(is.keys()).collect();
        let null = Value::Null;
        return names
            .into_iter()
            .flat_map(|name| {
                let [stands, is] = [stands, is].map(|it| it.get(name).unwrap_or(&null));
                differences(&format!("{at} › {name}"), stands, is)
            })
            .collect();
    }
    vec![format!("{at}\n    file:     {stands}\n    handlers: {is}")]
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests;
