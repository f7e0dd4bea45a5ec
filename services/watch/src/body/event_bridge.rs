//! Events of AWS EventBridge: one object each, other names than in S3's records, and keys as they are.

use hilum_log::Notification;
use serde::Deserialize;
use serde_json::Value;

use super::Record;

#[derive(Deserialize)]
struct Detail {
    bucket: Option<BucketPart>,
    object: Option<ObjectPart>,
}

#[derive(Deserialize)]
struct BucketPart {
    name: Option<String>,
}

#[derive(Deserialize)]
struct ObjectPart {
    key: Option<String>,
    size: Option<u64>,
    etag: Option<String>,
    #[serde(rename = "version-id")]
    version_id: Option<String>,
}

/// Whether it is an event of S3.
pub(super) fn is_one(value: &Value) -> bool {
    value.get("source").and_then(Value::as_str) == Some("aws.s3") && value.get("detail-type").is_some()
}

pub(super) fn read(value: &Value) -> Record {
    let kind = value.get("detail-type").and_then(Value::as_str).ok_or("has no detail-type")?;
    if !matches!(kind, "Object Created" | "Object Restore Completed") {
        return Ok(None);
    }
    let detail = value.get("detail").ok_or("has no detail")?;
    let Detail { bucket, object } =
        Detail::deserialize(detail).map_err(|_| "is not of the form of EventBridge's events")?;
    let ObjectPart { key, size, etag, version_id } = object.ok_or("has no detail.object")?;
    Ok(Some(Notification {
        bucket: bucket.and_then(|bucket| bucket.name).ok_or("has no detail.bucket.name")?,
        key: key.ok_or("has no detail.object.key")?,
        e_tag: etag,
        version: version_id,
        size_bytes: size,
        wanted_again: false,
    }))
}
