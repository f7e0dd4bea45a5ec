//! What object stores send when an object came: each vendor's form has its parser, and this tells which one a body is of. Pure: no
//! IO, no clock. Nothing here says a key aloud.

mod aws;
mod event_bridge;
mod key;
mod minio;
mod sns;

use hilum_log::Notification;
use serde_json::Value;

pub use sns::Confirmation;

/// A key of S3 is no longer, bytes.
const KEY_MAX_BYTES: usize = 1024;
/// Names of buckets are shorter; so are tags and versions.
const WORD_MAX_BYTES: usize = 1024;

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Of objects.
    Objects(Objects),
    /// That it is a test, or something that asks for nothing.
    Nothing,
    /// That somebody wants to send notifications here from now on, and asks whether we want them.
    Confirmation(Confirmation),
}

/// The objects that a body tells of, each record by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// Those that came.
    pub came: Vec<Notification>,
    /// Records that can't be read.
    pub broken: Vec<BrokenRecord>,
    /// Records of something else: objects that were removed or read.
    pub ignored: usize,
}

/// A record of a body that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {number} of the notification {why}")]
pub struct BrokenRecord {
    /// From 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A body that is of no known form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownBody {
    /// It is no JSON object.
    #[error("the notification is no JSON object; send what the object store sends, as it is")]
    NoJson,
    /// It is none of the known ones.
    #[error(
        "the notification is none of MinIO's, AWS S3's, SNS's or EventBridge's; the bucket's store has to send one of these forms"
    )]
    NoForm,
}

/// Reads a body of any vendor.
///
/// # Errors
/// When it is of none.
pub fn read(body: &[u8]) -> Result<Body, UnknownBody> {
    let value: Value = serde_json::from_slice(body).map_err(|_| UnknownBody::NoJson)?;
    match sns::read(&value) {
        Some(sns::Wrapped::Message(message)) => {
            // One wrapping in the other is none of ours.
            let inner = serde_json::from_str(&message).map_err(|_| UnknownBody::NoForm)?;
            read_unwrapped(&inner)
        }
        Some(sns::Wrapped::Confirmation(confirmation)) => Ok(Body::Confirmation(confirmation)),
        Some(sns::Wrapped::Nothing) => Ok(Body::Nothing),
        None => read_unwrapped(&value),
    }
}

fn read_unwrapped(value: &Value) -> Result<Body, UnknownBody> {
    if !value.is_object() {
        return Err(UnknownBody::NoJson);
    }
    if aws::is_test(value) {
        return Ok(Body::Nothing);
    }
    let records = || value.get("Records")?.as_array();
    let objects = if event_bridge::is_one(value) {
        gathered([event_bridge::read(value)])
    } else if let Some(records) = records() {
        if minio::is_one(value) {
            gathered(records.iter().map(|record| minio::read(record, minio::whole_key(value, records))))
        } else {
            gathered(records.iter().map(aws::read))
        }
    } else {
        return Err(UnknownBody::NoForm);
    };
    Ok(Body::Objects(objects))
}

/// What one record says: an object that came, something else, or why it can't be read.
type Record = Result<Option<Notification>, &'static str>;

fn gathered(records: impl IntoIterator<Item = Record>) -> Objects {
    let mut objects = Objects::default();
    for (index, record) in records.into_iter().enumerate() {
        match record.map(|said| said.map(bounded).transpose()) {
            Ok(Ok(Some(notification))) => objects.came.push(notification),
            Ok(Ok(None)) => objects.ignored += 1,
            Ok(Err(why)) | Err(why) => objects.broken.push(BrokenRecord { number: index + 1, why }),
        }
    }
    objects
}

/// Refuses what no store would say, and leaves out what says nothing.
fn bounded(said: Notification) -> Result<Notification, &'static str> {
    let Notification { bucket, key, e_tag, version, size_bytes, wanted_again } = said;
    if bucket.is_empty() || bucket.len() > WORD_MAX_BYTES {
        return Err("names no bucket");
    }
    if key.is_empty() || key.len() > KEY_MAX_BYTES {
        return Err("has no key, or one that is longer than 1024 bytes");
    }
    let word = |word: String| Some(word.trim_matches('"').to_owned()).filter(|word| !word.is_empty());
    let (e_tag, version) = (e_tag.and_then(word), version.and_then(word));
    if [&e_tag, &version].into_iter().flatten().any(|word| word.len() > WORD_MAX_BYTES) {
        return Err("has a tag or a version that is too long");
    }
    // So a bucket without versions calls the one that there is.
    let version = version.filter(|version| version != "null");
    Ok(Notification { bucket, key, e_tag, version, size_bytes, wanted_again })
}

/// Whether an event says that an object is there to be read now.
fn is_arrival(event: &str) -> bool {
    let event = event.strip_prefix("s3:").unwrap_or(event);
    event.starts_with("ObjectCreated:") || event == "ObjectRestore:Completed"
}

#[cfg(test)]
mod tests;
