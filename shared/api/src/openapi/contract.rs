//! Whether an answer is one that the description tells of: the call, the status, the media type, each field. For tests, which
//! take a field that is not described for a fault, though a client is to let it pass.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{DOCUMENT, entries};

/// An answer as it came.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// Path of the request, without the query.
    pub path: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// Its Content-Type.
    pub media_type: Option<&'a str>,
    /// Its body; of a stream nothing.
    pub body: &'a [u8],
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::of(DOCUMENT));

/// The description, with its validators as they are needed.
struct Contract {
    document: Value,
    /// All schemas, each without room for what it does not name.
    schemas: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Compares an answer with the description.
///
/// # Errors
/// What the description does not tell of.
pub fn check_answer(answer: Answer<'_>) -> Result<(), String> {
    CONTRACT.check(answer)
}

impl Contract {
    fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).expect("the description is JSON");
        let schemas = &document["components"]["schemas"];
        let strict = entries(schemas).map(|(name, schema)| (name.clone(), strict(schema, schemas)));
        Self { schemas: Value::Object(strict.collect()), validators: Mutex::default(), document }
    }

    fn check(&self, answer: Answer<'_>) -> Result<(), String> {
        let Answer { method, path, status, .. } = answer;
        let what = format!("{method} {path} answers {status}");
        let Some(operation) = self.operation(method, path) else {
            return match status {
                404 | 405 => {
                    self.fits(&json!({ "$ref": "#/components/schemas/Problem" }), answer.body, &what)
                }
                _ => Err(format!("{what}, and the description has no such call")),
            };
        };
        let response = &operation["responses"][status.to_string()];
        if response.is_null() {
            return Err(format!("{what}, which the description of the call does not tell of"));
        }
        let Some(contents) = response["content"].as_object() else {
            return if answer.body.is_empty() {
                Ok(())
            } else {
                Err(format!("{what} with a body that is not described"))
            };
        };
        let media_type = answer.media_type.unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let content = contents
            .get(essence)
            .ok_or_else(|| format!("{what} as {media_type:?}, which is not described"))?;
        if essence.ends_with("json") {
            self.fits(&content["schema"], answer.body, &what)?;
        }
        if essence == "application/problem+json" {
            has_described_type(content, answer.body, &what)
        } else {
            Ok(())
        }
    }

    /// The call of this method whose path fits.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let (mut left, mut right) = (template.split('/'), path.split('/'));
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some(left), Some(right))
                        if left.starts_with('{') && !right.is_empty() || left == right => {}
                    _ => return false,
                }
            }
        };
        let (_, operations) = entries(&self.document["paths"]).find(|(template, _)| fits(template))?;
        operations.get(method.to_ascii_lowercase())
    }

    fn fits(&self, schema: &Value, body: &[u8], what: &str) -> Result<(), String> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| format!("{what} with no JSON: {error}"))?;
        let validator = self.validator(schema);
        let faults: Vec<String> = validator
            .iter_errors(&value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(format!("{what} off its schema:\n{}\n{value}", faults.join("\n")))
        }
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let key = schema.to_string();
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let mut whole = strict(schema, &self.document["components"]["schemas"]);
            whole["components"] = json!({ "schemas": self.schemas });
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("the description has sound schemas"))
        };
        Arc::clone(validators.entry(key).or_insert_with(made))
    }
}

/// The type must be one that the call names for this status.
fn has_described_type(content: &Value, body: &[u8], what: &str) -> Result<(), String> {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = problem["type"].as_str().unwrap_or_default();
    let slug = kind.strip_prefix("/problems/").unwrap_or_default();
    let examples = &content["examples"];
    if examples.get(slug).is_some() {
        Ok(())
    } else {
        Err(format!("{what} with {kind}, which is not described"))
    }
}

/// The same schema without room for fields that it does not name. What `allOf` puts together becomes one.
fn strict(schema: &Value, all: &Value) -> Value {
    let mut whole = schema.clone();
    if schema.get("allOf").is_some() {
        whole = merged(schema, all);
    }
    let is_closed = whole.get("properties").is_some() && whole.get("additionalProperties").is_none();
    match &mut whole {
        Value::Object(fields) => {
            for value in fields.values_mut() {
                *value = strict(value, all);
            }
            if is_closed {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = strict(value, all)),
        _ => {}
    }
    whole
}

/// One object with the properties of all parts.
fn merged(schema: &Value, all: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return merged(&all[name], all);
    }
    let parts = schema["allOf"].as_array().into_iter().flatten().map(|part| merged(part, all));
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts.chain([schema.clone()]) {
        properties.extend(entries(&part["properties"]).map(|(name, it)| (name.clone(), it.clone())));
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}
