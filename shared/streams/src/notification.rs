//! Notifications: what an object store says of an object that came into a watched bucket, where they wait, and what is kept of
//! those that were given up. They name the object, whose name may be a patient's: none of this stands in the event log.

use hilum_events::{JobId, Priority};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Filter that finds the bodies that stores publish to NATS, each store under a subject of its own below this.
pub const NOTIFICATION_BODIES: &str = "notification.from.>";

/// Where notifications of objects with this priority wait.
pub fn notification_subject(priority: Priority) -> String {
    format!("notification.object.{}", priority.as_str())
}

/// Where the story of an object stands that was given up; `id` is that of its job, or of the body it came in.
pub fn parked_notification_subject(id: JobId) -> String {
    format!("parked-notification.{id}")
}

/// Where it stands what became of the object that is this job.
pub fn seen_object_subject(job_id: JobId) -> String {
    format!("seen-object.{job_id}")
}

/// Where it stands what the object is called that is this job.
pub fn uploaded_object_subject(job_id: JobId) -> String {
    format!("uploaded-object.{job_id}")
}

/// What an object is called whose results are written back, CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedObject {
    /// The watch that it is of.
    pub watch: String,
    /// Its key; of a file in an archive that of the archive.
    pub key: String,
    /// The place of the file in the archive, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
}

/// An object that a store says came, or that was found by listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The bucket; the folder of a `file://` address.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its entity tag, without quotes, when that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// Its version, in a bucket that keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its length in bytes, when that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// An operator wants it looked at although it is done with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wanted_again: bool,
}

/// What is kept of a notification that was given up, CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedNotification {
    /// The job that its object would be, once that is known; else an id of the notification.
    pub id: JobId,
    /// The watch, if it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
    /// The object; `None` when no object could be told from what came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Notification>,
    /// The begin of what came, when no object could be told from it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Why, and what to do.
    pub reason: String,
    /// How often it was tried.
    pub tries: u64,
    /// When it was given up, by the clock of the machine that gave up.
    pub parked_at: Timestamp,
}
