//! Which contents are in storage, for comparing it with the log.

use futures::{Stream, StreamExt as _};
use hilum_events::Sha256Digest;
use jiff::Timestamp;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::get::GetError;
use crate::store::{BlobStore, CONTENTS, key_of};

/// An object in storage, as the store lists it: its bytes were not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedObject {
    /// The hash that its key says.
    pub sha256: Sha256Digest,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// When it was last written, by the clock of the store.
    pub modified_at: Timestamp,
}

impl BlobStore {
    /// The objects that are kept by their content and whose hash begins with `digits` (none for all), in no order. What
    /// comes or goes meanwhile may be missing.
    ///
    /// # Errors
    /// Within the stream, when the store fails.
    pub fn list(&self, digits: &str) -> impl Stream<Item = Result<ListedObject, GetError>> + Send + use<> {
        let folder = digits
            .get(..2)
            .map_or_else(|| Path::from(CONTENTS), |first_two| Path::from(CONTENTS).join(first_two));
        let (key, digits) = (folder.to_string(), digits.to_owned());
        self.objects.list(Some(&folder)).filter_map(move |entry| {
            let found = match entry {
                Ok(entry) => listed(&entry).filter(|it| it.sha256.to_string().starts_with(&digits)).map(Ok),
                Err(source) => Some(Err(GetError::Unavailable { key: key.clone(), source })),
            };
            std::future::ready(found)
        })
    }
}

/// The content that an object is; `None` for other kinds of key.
fn listed(entry: &ObjectMeta) -> Option<ListedObject> {
    let sha256: Sha256Digest = entry.location.filename()?.parse().ok()?;
    if key_of(&sha256) != entry.location {
        return None;
    }
    let modified_at = Timestamp::from_microsecond(entry.last_modified.timestamp_micros()).ok()?;
    Some(ListedObject { sha256, size_bytes: entry.size, modified_at })
}
