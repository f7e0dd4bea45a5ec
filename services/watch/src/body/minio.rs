//! What MinIO and RustFS send to NATS and to webhooks: records of S3's form, and beside them the first one's event and key, decoded.

use hilum_log::Notification;
use serde_json::Value;

use super::Record;
use super::aws::S3Record;
use super::key::{Plus, decode};

/// Whether the body is one of theirs: a whole event, or records that name MinIO as their source.
pub(super) fn is_one(value: &Value) -> bool {
    let is_minio = |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("minio:s3");
    let first = value.get("Records").and_then(|records| records.get(0));
    value.get("EventName").is_some() || first.is_some_and(is_minio)
}

/// `bucket/key` as it stands beside the one record, decoded.
pub(super) fn whole_key<'a>(value: &'a Value, records: &[Value]) -> Option<&'a str> {
    value.get("Key").and_then(Value::as_str).filter(|_| records.len() == 1)
}

/// The key of a record is encoded; in which of two ways depends on the store and its release, and where they differ, in what a `+`
/// is, the key beside the record tells.
pub(super) fn read(record: &Value, whole_key: Option<&str>) -> Record {
    let Some(notification) = S3Record::of(record)?.notification()? else { return Ok(None) };
    let told =
        whole_key.and_then(|whole| whole.strip_prefix(notification.bucket.as_str())?.strip_prefix('/'));
    let as_form = decode(&notification.key, Plus::Space)?;
    let as_path = decode(&notification.key, Plus::Plus)?;
    let key = if told == Some(as_path.as_str()) { as_path } else { as_form };
    Ok(Some(Notification { key, ..notification }))
}
