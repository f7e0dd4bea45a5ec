//! A bucket or folder of somebody else's, under keys that others chose: it is listed and read, and only what they ask for is written.
//! No error here names a key, which may be a patient's name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use crate::bucket_error::BucketError;
use crate::pages::{KEYS_A_PAGE, Pages};
use crate::store::{OpenError, StoreConfig, local, s3};

/// What one object may take: they may be large and far away.
const READ_LIMIT: Duration = Duration::from_secs(3600);

/// Somebody else's bucket or folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bucket {
    objects: Arc<dyn ObjectStore>,
    /// The same, if it is one of S3.
    s3: Option<Arc<AmazonS3>>,
}

/// What the store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignObject {
    /// Its key.
    pub key: String,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// Its entity tag, without quotes; not every store tells it when it lists.
    pub e_tag: Option<String>,
    /// When it was last written, by the clock of the store, to the second.
    pub modified_at: Timestamp,
}

/// Which state of an object is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedState {
    /// The one with this entity tag, without quotes.
    pub e_tag: Option<String>,
    /// The one with this version.
    pub version: Option<String>,
}

/// An object whose bytes come.
pub struct FetchedObject {
    /// What the store says of it.
    pub object: ForeignObject,
    /// What its sender said of it: `x-amz-meta-…`, by the name behind that.
    pub metadata: BTreeMap<String, String>,
    /// Its bytes.
    pub bytes: BoxStream<'static, Result<Bytes, BucketError>>,
}

impl Bucket {
    /// Opens the bucket or the folder; nothing is sent yet.
    ///
    /// # Errors
    /// When the address or its settings can't be used.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        match config.url.split_once("://") {
            Some(("file", folder)) => Ok(Self { objects: Arc::new(local(config, folder.into())?), s3: None }),
            Some(("s3", _)) => {
                let s3 = Arc::new(s3(config, READ_LIMIT)?);
                Ok(Self { objects: s3.clone(), s3: Some(s3) })
            }
            _ => Err(OpenError::Address { url: config.url.clone() }),
        }
    }

    /// Begins to read an object, in the state that is wanted.
    ///
    /// # Errors
    /// [`BucketError::Missing`] when it is not there, [`BucketError::Changed`] when it is in another state.
    pub fn fetch<'a>(
        &'a self,
        key: &'a str,
        wanted: &'a WantedState,
    ) -> BoxFuture<'a, Result<FetchedObject, BucketError>> {
        Box::pin(async move {
            let options = GetOptions {
                if_match: wanted.e_tag.as_deref().map(|e_tag| format!("\"{e_tag}\"")),
                version: wanted.version.clone(),
                ..GetOptions::default()
            };
            let found = self.objects.get_opts(&path_of(key)?, options).await.map_err(BucketError::of)?;
            let object = foreign(&found.meta, key.to_owned());
            // There are stores that take no notice of the condition.
            if wanted.e_tag.is_some() && object.e_tag != wanted.e_tag {
                return Err(BucketError::Changed);
            }
            let said = found.attributes.iter().filter_map(|(name, value)| match name {
                Attribute::Metadata(name) => Some((name.to_ascii_lowercase(), value.to_string())),
                _ => None,
            });
            let metadata = said.collect();
            Ok(FetchedObject {
                object,
                metadata,
                bytes: found.into_stream().map_err(BucketError::of).boxed(),
            })
        })
    }

    /// What the store says of an object now.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn look_at<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ForeignObject, BucketError>> {
        Box::pin(async move {
            let options = GetOptions { head: true, ..GetOptions::default() };
            let found = self.objects.get_opts(&path_of(key)?, options).await.map_err(BucketError::of)?;
            Ok(foreign(&found.meta, key.to_owned()))
        })
    }

    /// Writes an object, in place of what may lie there.
    ///
    /// # Errors
    /// When the store does not take it.
    pub fn write<'a>(&'a self, key: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), BucketError>> {
        Box::pin(async move {
            let put = self.objects.put(&path_of(key)?, bytes.into()).await;
            put.map(drop).map_err(BucketError::of)
        })
    }

    /// All objects whose keys begin with `prefix`, in pages of a thousand at most, each of which costs a request. Of what comes or
    /// goes meanwhile some may be missing; so are keys that can't be fetched. Ends with the first error.
    pub fn pages(&self, prefix: &str) -> BoxStream<'static, Result<Vec<ForeignObject>, BucketError>> {
        let of_prefix = prefix.to_owned();
        let only = move |page: Vec<ObjectMeta>| {
            let found = page.iter().map(|meta| foreign(meta, meta.location.to_string()));
            found.filter(|object| object.key.starts_with(&of_prefix)).collect()
        };
        match &self.s3 {
            Some(s3) => Pages::new(s3.clone(), prefix).into_stream().map_ok(only).boxed(),
            None => {
                // What is listed is a folder; the rest of the prefix is looked at here.
                let folder = prefix.rsplit_once('/').map_or(Path::ROOT, |(folder, _)| Path::from(folder));
                let listed = self.objects.list(Some(&folder)).map_err(BucketError::of);
                listed.try_chunks(KEYS_A_PAGE).map_err(|error| error.1).map_ok(only).boxed()
            }
        }
    }
}

/// The path that is this key as it is.
fn path_of(key: &str) -> Result<Path, BucketError> {
    Path::parse(key).ok().filter(|path| path.as_ref() == key).ok_or(BucketError::Unaddressable)
}

fn foreign(meta: &ObjectMeta, key: String) -> ForeignObject {
    let e_tag =
        meta.e_tag.as_deref().map(|e_tag| e_tag.trim_start_matches("W/").trim_matches('"').to_owned());
    ForeignObject {
        key,
        size_bytes: meta.size,
        e_tag: e_tag.filter(|e_tag| !e_tag.is_empty()),
        modified_at: Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_fetched_as_it_is_or_not_at_all() {
        for key in ["a", "a b/50%+ü#?.dcm", "a/b~*[1]{x}\\.dcm", "…"] {
            assert_eq!(path_of(key).unwrap().as_ref(), key);
        }
        for key in ["/a", "a/", "a//b", "a/../b", "./a", "a\nb", "a\0"] {
            assert!(matches!(path_of(key), Err(BucketError::Unaddressable)), "{key:?}");
        }
    }

    #[tokio::test]
    async fn a_folder_is_listed_by_any_prefix_and_its_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["in/a 1.dcm", "in/ab.dcm", "in/b.dcm", "other.dcm"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let bucket = Bucket::open(&StoreConfig::at(&format!("file://{}", folder.path().display()))).unwrap();
        let keys = async |prefix| {
            let pages: Vec<Vec<ForeignObject>> = bucket.pages(prefix).try_collect().await.unwrap();
            let mut keys: Vec<_> = pages.into_iter().flatten().map(|object| object.key).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys("in/a").await, ["in/a 1.dcm", "in/ab.dcm"]);
        assert_eq!(keys("in/").await.len(), 3);
        assert_eq!(keys("").await.len(), 4);
        let seen = bucket.look_at("in/a 1.dcm").await.unwrap();
        let wanted = WantedState { e_tag: seen.e_tag.clone(), version: None };
        let fetched = bucket.fetch("in/a 1.dcm", &wanted).await.unwrap();
        assert_eq!(fetched.object, seen);
        let bytes: Vec<Bytes> = fetched.bytes.try_collect().await.unwrap();
        assert_eq!(bytes.concat(), b"in/a 1.dcm");
        let other = WantedState { e_tag: Some("x".to_owned()), version: None };
        assert!(matches!(bucket.fetch("in/ab.dcm", &other).await, Err(BucketError::Changed)));
        assert!(matches!(bucket.look_at("in/c.dcm").await, Err(BucketError::Missing)));
    }
}
