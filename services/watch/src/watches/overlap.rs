//! Places in stores, and whether one lies in another: Hilum must not watch where it writes.

use std::path::Path;

use hilum_blobs::OWN_PREFIXES;
use toml::Value;

use super::{Watches, WatchesError};

/// All keys of a store that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedPlace {
    store: Store,
    prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Store {
    Bucket {
        name: String,
        /// Without its last slash; `None` for AWS.
        endpoint: Option<String>,
    },
    Disk,
}

/// Where Hilum writes, each with what that is.
#[derive(Debug, Clone, Default)]
pub struct OwnPlaces(Vec<(WatchedPlace, String)>);

impl WatchedPlace {
    /// The keys that begin with `prefix` at `url`, `s3://bucket` or `file:///folder`. `endpoint` is where that S3 is; the environment
    /// says when nothing else does. `None` for other addresses.
    pub fn at(url: &str, endpoint: Option<&str>, prefix: &str) -> Option<Self> {
        match url.split_once("://")? {
            ("s3", bucket) => {
                let from_environment = || {
                    let variables = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT"].into_iter();
                    variables.filter_map(|name| std::env::var(name).ok()).next()
                };
                let endpoint = endpoint.map(str::to_owned).or_else(from_environment);
                let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
                let store = Store::Bucket { name: bucket.to_owned(), endpoint };
                Some(Self { store, prefix: prefix.to_owned() })
            }
            ("file", folder) => {
                let folder = Path::new(folder);
                // As far as it is there: a link leads to the same place.
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                let prefix = format!("{}/{prefix}", folder.display().to_string().trim_end_matches('/'));
                Some(Self { store: Store::Disk, prefix })
            }
            _ => None,
        }
    }

    /// Whether some key could lie in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.store == other.store && begin_alike(&self.prefix, &other.prefix)
    }

    /// Whether notifications could not tell the one from the other: they name no endpoint.
    pub(super) fn is_mistaken_for(&self, other: &Self) -> bool {
        let is_same = match (&self.store, &other.store) {
            (Store::Bucket { name, .. }, Store::Bucket { name: other, .. }) => name == other,
            (Store::Disk, Store::Disk) => true,
            _ => false,
        };
        is_same && begin_alike(&self.prefix, &other.prefix)
    }
}

fn begin_alike(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

impl OwnPlaces {
    /// The keys of Hilum's own store at `store_url`, and where the delivery targets in the file `targets` write.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn new(store_url: &str, targets: Option<&Path>) -> Result<Self, WatchesError> {
        let own = |prefix| {
            Some((WatchedPlace::at(store_url, None, prefix)?, "the images in its object storage".to_owned()))
        };
        let mut places: Vec<_> = OWN_PREFIXES.into_iter().filter_map(own).collect();
        if let Some(path) = targets {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|source| WatchesError::Targets { path: path.to_owned(), source })?;
            let file: toml::Table =
                text.parse().map_err(|_| WatchesError::TargetsContent { path: path.to_owned() })?;
            file.values().for_each(|value| collect(value, &mut places));
        }
        Ok(Self(places))
    }

    /// Sees that no watch looks there.
    ///
    /// # Errors
    /// When one does.
    pub fn check(&self, watches: &Watches) -> Result<(), WatchesError> {
        for watch in &watches.watches {
            if let Some((_, what)) = self.0.iter().find(|(own, _)| own.overlaps(&watch.place)) {
                return Err(WatchesError::Loop { watch: watch.name.clone(), what: what.clone() });
            }
        }
        Ok(())
    }
}

/// The stores that targets name, wherever in their file.
fn collect(value: &Value, places: &mut Vec<(WatchedPlace, String)>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, places)),
        Value::Table(table) => {
            let text = |key: &str| table.get(key).and_then(Value::as_str);
            if let Some(url) = text("url") {
                let (store, prefix) = split(url);
                let name = text("name").unwrap_or("of delivery");
                let place = WatchedPlace::at(&store, text("endpoint_url"), prefix);
                places.extend(place.map(|place| (place, format!("what goes to the target {name}"))));
            }
            table.values().for_each(|value| collect(value, places));
        }
        _ => {}
    }
}

/// An address as targets have it, into store and prefix.
fn split(url: &str) -> (String, &str) {
    match url.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, prefix)) => (format!("s3://{bucket}"), prefix),
        None => (url.to_owned(), ""),
    }
}
