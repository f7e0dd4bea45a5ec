//! What writers left behind when they were killed: temporary objects of uploads and, in a folder, the half-written files that
//! `object_store` would have renamed once they were whole. None of them is a content or a record.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::time::SystemTime;

use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::get::GetError;
use crate::store::{BlobStore, CONTENTS, INCOMING, RECORDS};

/// Where to look for what is unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedIn<'a> {
    /// Uploads whose hash is not known yet.
    Incoming,
    /// Records.
    Records,
    /// Contents whose hash begins with these two digits.
    Contents(&'a str),
}

/// Something that was begun and not finished, or is not finished yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its name within the storage.
    pub name: String,
    /// Its length so far, bytes.
    pub size_bytes: u64,
    /// When it was last written to, by the clock of the store.
    pub modified_at: Timestamp,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// An object, whole by itself: its copy to the key of its content did not follow.
    Object,
    /// A file that no list of objects shows.
    File(PathBuf),
}

/// What became of something unfinished that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// It was written to since it was listed, and stays.
    Stirred,
}

impl BlobStore {
    /// What is unfinished in one place, oldest first, uploads under way included. What an S3 store holds of a multipart
    /// upload before its last part is not listed: `object_store` can't ask for it, a rule of the bucket ends it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unfinished<'a>(
        &'a self,
        place: UnfinishedIn<'a>,
    ) -> BoxFuture<'a, Result<Vec<Unfinished>, GetError>> {
        Box::pin(async move {
            let folder = match place {
                UnfinishedIn::Incoming => Path::from(INCOMING),
                UnfinishedIn::Records => Path::from(RECORDS),
                UnfinishedIn::Contents(digits) => Path::from(CONTENTS).join(digits),
            };
            let failed = |source| GetError::Unavailable { key: folder.to_string(), source };
            let mut found = Vec::new();
            if place == UnfinishedIn::Incoming {
                let mut entries = self.objects.list(Some(&folder));
                while let Some(entry) = entries.try_next().await.map_err(failed)? {
                    found.extend(of_object(&entry));
                }
            }
            if let Some(root) = &self.folder {
                let (root, inside) = (root.clone(), folder.to_string());
                let staged = tokio::task::spawn_blocking(move || staged_in(&root, &inside)).await;
                let staged = staged.map_err(io::Error::other).and_then(|staged| staged);
                found.extend(staged.map_err(|error| failed(generic(error)))?);
            }
            found.sort_by(|a, b| (a.modified_at, &a.name).cmp(&(b.modified_at, &b.name)));
            Ok(found)
        })
    }

    /// Removes what is unfinished, unless somebody wrote to it since it was listed. An upload that is under way all the
    /// same fails at its end and says so to its sender: it is copied to its key before anything is promised.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_unfinished<'a>(
        &'a self,
        unfinished: &'a Unfinished,
    ) -> BoxFuture<'a, Result<Removed, GetError>> {
        Box::pin(async move {
            let removed = match &unfinished.kind {
                Kind::Object => self.remove_object(unfinished).await,
                Kind::File(path) => {
                    let (path, modified_at) = (path.clone(), unfinished.modified_at);
                    let removed = tokio::task::spawn_blocking(move || remove_file(&path, modified_at)).await;
                    removed.map_err(io::Error::other).and_then(|removed| removed).map_err(generic)
                }
            };
            removed.map_err(|source| GetError::Unavailable { key: unfinished.name.clone(), source })
        })
    }

    async fn remove_object(&self, unfinished: &Unfinished) -> Result<Removed, object_store::Error> {
        let path = Path::from(unfinished.name.as_str());
        let found = match self.objects.head(&path).await {
            Ok(entry) => of_object(&entry),
            Err(object_store::Error::NotFound { .. }) => return Ok(Removed::Gone),
            Err(error) => return Err(error),
        };
        // S3 gives the time to the millisecond in a list and to the second here.
        let second = |it: &Unfinished| it.modified_at.as_second();
        if found.is_none_or(|found| second(&found) != second(unfinished)) {
            return Ok(Removed::Stirred);
        }
        self.objects.delete(&path).await?;
        Ok(Removed::Gone)
    }
}

fn of_object(entry: &object_store::ObjectMeta) -> Option<Unfinished> {
    Some(Unfinished {
        name: entry.location.to_string(),
        size_bytes: entry.size,
        modified_at: Timestamp::from_microsecond(entry.last_modified.timestamp_micros()).ok()?,
        kind: Kind::Object,
    })
}

/// The files in a folder of the store that are named as `object_store` names what it writes: the whole name, `#` and a
/// number. No object can have such a name.
fn staged_in(root: &FilePath, inside: &str) -> io::Result<Vec<Unfinished>> {
    let entries = match std::fs::read_dir(root.join(inside)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().filter(|name| is_staged(name)).map(str::to_owned) else {
            continue;
        };
        let file = match entry.metadata() {
            Ok(file) if file.is_file() => file,
            Ok(_) => continue,
            // Finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Unfinished {
            name: format!("{inside}/{name}"),
            size_bytes: file.len(),
            modified_at: written_at(file.modified()?)?,
            kind: Kind::File(entry.path()),
        });
    }
    Ok(found)
}

fn is_staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn remove_file(path: &FilePath, modified_at: Timestamp) -> io::Result<Removed> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(Removed::Gone),
        _ => Err(error),
    };
    match std::fs::symlink_metadata(path) {
        Ok(file) if written_at(file.modified()?)? != modified_at => Ok(Removed::Stirred),
        Ok(_) => std::fs::remove_file(path).map_or_else(gone, |()| Ok(Removed::Gone)),
        Err(error) => gone(error),
    }
}

fn written_at(time: SystemTime) -> io::Result<Timestamp> {
    Timestamp::try_from(time).map_err(io::Error::other)
}

fn generic(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) }
}
