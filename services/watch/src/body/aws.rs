//! Records of AWS S3, version 2, as they go to SQS, SNS and Lambda; most other stores send the same. Keys are encoded as in a form.

use hilum_log::Notification;
use serde::Deserialize;
use serde_json::Value;

use super::key::{Plus, decode};
use super::{Record, is_arrival};

/// What is read of a record; there is more in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct S3Record {
    pub(super) event_name: Option<String>,
    event_version: Option<String>,
    s3: Option<S3Part>,
}

#[derive(Deserialize)]
struct S3Part {
    bucket: Option<BucketPart>,
    object: Option<ObjectPart>,
}

#[derive(Deserialize)]
struct BucketPart {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectPart {
    key: Option<String>,
    size: Option<u64>,
    e_tag: Option<String>,
    version_id: Option<String>,
}

/// What AWS sends when notifications are switched on.
pub(super) fn is_test(value: &Value) -> bool {
    value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent")
}

pub(super) fn read(record: &Value) -> Record {
    let record = S3Record::of(record)?;
    let Some(notification) = record.notification()? else { return Ok(None) };
    let key = decode(&notification.key, Plus::Space)?;
    Ok(Some(Notification { key, ..notification }))
}

impl S3Record {
    pub(super) fn of(record: &Value) -> Result<Self, &'static str> {
        Self::deserialize(record).map_err(|_| "is not of the form of S3's records")
    }

    /// The object that came, its key as it is encoded.
    pub(super) fn notification(self) -> Record {
        let Self { event_name: Some(event), event_version, s3 } = self else {
            return Err("has no eventName");
        };
        if !is_arrival(&event) {
            return Ok(None);
        }
        if event_version.is_some_and(|version| !version.starts_with("2.")) {
            return Err("is of another version than 2");
        }
        let S3Part { bucket, object } = s3.ok_or("has no s3")?;
        let ObjectPart { key, size, e_tag, version_id } = object.ok_or("has no s3.object")?;
        Ok(Some(Notification {
            bucket: bucket.and_then(|bucket| bucket.name).ok_or("has no s3.bucket.name")?,
            key: key.ok_or("has no s3.object.key")?,
            e_tag,
            version: version_id,
            size_bytes: size,
            wanted_again: false,
        }))
    }
}
