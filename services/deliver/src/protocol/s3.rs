//! A prefix in object storage: each object under a name that tells its site, study and revision.

use hilum_blobs::{BlobStore, OpenError, PlaceError, Placed, StoreConfig};
use hilum_events::Matter;

use super::{Parcel, SendError};
use crate::forms::Object;

/// A prefix in a store.
#[derive(Debug)]
pub(super) struct Place {
    store: BlobStore,
    prefix: String,
}

impl Place {
    pub(super) fn open(url: &str, prefix: String, options: Vec<(String, String)>) -> Result<Self, OpenError> {
        let store = BlobStore::open(&StoreConfig { options, ..StoreConfig::at(url) })?;
        Ok(Self { store, prefix })
    }

    /// Writes the object, and reads it back; what lies there already with the same bytes is left.
    pub(super) async fn put(&self, parcel: &Parcel, object: &Object) -> Result<String, SendError> {
        let name = name(&self.prefix, parcel, &object.file_name);
        let placed = self.store.place(&name, object.bytes.clone()).await;
        match placed {
            Ok(Placed::Written) => Ok(format!("{name} written")),
            Ok(Placed::There) => Ok(format!("{name} there before")),
            Err(error @ PlaceError::Taken { .. }) => Err(SendError::refused(error.to_string())),
            Err(error) => Err(SendError::failed_because("it did not keep an object", &error)),
        }
    }
}

fn name(prefix: &str, parcel: &Parcel, file_name: &str) -> String {
    let folder = match &parcel.matter {
        Matter::Report(revision) => format!("r{revision}"),
        matter @ Matter::Flag(_) => matter.token(),
    };
    let name = format!("{}/{}/{folder}/{file_name}", parcel.site, parcel.study_id);
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}
