//! A prefix in object storage: each object under a name that tells its site, study and revision.

use hilum_blobs::{BlobStore, OpenError, PlaceError, Placed, StoreConfig};
use hilum_events::Matter;

use super::{Parcel, SendError};

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

    /// Writes each object, and reads it back; what lies there already with the same bytes is left.
    pub(super) async fn put(&self, parcel: &Parcel) -> Result<String, SendError> {
        let mut receipts = Vec::new();
        for object in &parcel.objects {
            let name = name(&self.prefix, parcel, &object.file_name);
            let placed = self.store.place(&name, object.bytes.clone()).await;
            let word = match placed {
                Ok(Placed::Written) => "written",
                Ok(Placed::There) => "there before",
                Err(error @ PlaceError::Taken { .. }) => return Err(SendError::refused(error.to_string())),
                Err(error) => return Err(SendError::failed_because("it did not keep an object", error)),
            };
            receipts.push(format!("{name} {word}"));
        }
        Ok(receipts.join(", "))
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
