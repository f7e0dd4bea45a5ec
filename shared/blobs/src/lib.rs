//! The object-storage port: content-addressed put, verified get, a few named records; and buckets of others, which are listed and
//! read. The only crate that knows `object_store`.
//!
//! A key follows from the SHA-256 of the content, so writing twice is harmless and no lock is needed.

mod bucket;
mod bucket_error;
mod get;
mod list;
mod pages;
mod place;
mod put;
mod record;
mod store;
mod unfinished;

pub use bucket::{Bucket, FetchedObject, ForeignObject, WantedState};
pub use bucket_error::BucketError;
pub use get::GetError;
pub use list::ListedObject;
pub use place::{PlaceError, Placement};
pub use put::{PutError, Received};
pub use store::{BlobStore, OWN_PREFIXES, OpenError, StoreConfig};
pub use unfinished::{Removed, Unfinished, UnfinishedIn};
