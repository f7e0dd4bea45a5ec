//! Opening a store by address.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_events::Sha256Digest;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

/// Where objects are kept. The address is `file:///folder` or `s3://bucket`; access to S3 as usual by
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Address.
    pub url: String,
    /// Bytes of an upload that are held in memory; also the part size of larger ones. At least 5 MiB for S3.
    pub buffer_bytes: usize,
    /// Settings that override the environment, for tests: `aws_access_key_id` and the like.
    pub options: Vec<(String, String)>,
}

impl StoreConfig {
    /// The store at `url` with the usual settings.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), buffer_bytes: 8 << 20, options: Vec::new() }
    }
}

/// The address can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no `file://` or `s3://` address.
    #[error("object storage address {url} is neither file:///folder nor s3://bucket")]
    Address {
        /// What was given.
        url: String,
    },
    /// The folder can't be made.
    #[error("cannot use the folder {folder}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings do not fit.
    #[error("cannot open the object storage {url}")]
    Settings {
        /// Which.
        url: String,
        /// Why.
        source: object_store::Error,
    },
}

/// Content-addressed object storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) buffer_bytes: usize,
    /// The folder of the objects, if they lie in one.
    pub(crate) folder: Option<PathBuf>,
}

impl BlobStore {
    /// Opens the store; nothing is sent yet.
    ///
    /// # Errors
    /// When the address or its settings can't be used.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let buffer_bytes = config.buffer_bytes;
        match config.url.split_once("://") {
            Some(("file", folder)) => {
                let folder = PathBuf::from(folder);
                Ok(Self {
                    objects: Arc::new(local(config, folder.clone())?),
                    buffer_bytes,
                    folder: Some(folder),
                })
            }
            Some(("s3", _)) => Ok(Self { objects: Arc::new(s3(config)?), buffer_bytes, folder: None }),
            _ => Err(OpenError::Address { url: config.url.clone() }),
        }
    }

    /// The folder of the objects, if the store is one.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Asks the store whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn probe(&self) -> BoxFuture<'_, Result<(), object_store::Error>> {
        Box::pin(async move {
            match self.objects.head(&Path::from("probe")).await {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }
}

/// Where objects lie that are kept by their content.
pub(crate) const CONTENTS: &str = "sha256";

/// Where uploads lie until their hash is known, each under a name that is used once.
pub(crate) const INCOMING: &str = "incoming";
/// Where records lie.
pub(crate) const RECORDS: &str = "records";

/// What all keys of a store begin with that Hilum writes for itself.
pub const OWN_PREFIXES: [&str; 3] = ["sha256/", "incoming/", "records/"];

/// The key of a content.
pub(crate) fn key_of(sha256: &Sha256Digest) -> Path {
    let digits = sha256.to_string();
    Path::from(format!("{CONTENTS}/{}/{digits}", &digits[..2]))
}

pub(crate) fn local(config: &StoreConfig, folder: PathBuf) -> Result<LocalFileSystem, OpenError> {
    std::fs::create_dir_all(&folder)
        .map_err(|source| OpenError::Folder { folder: folder.clone(), source })?;
    let opened = LocalFileSystem::new_with_prefix(&folder);
    let opened = opened.map_err(|source| OpenError::Settings { url: config.url.clone(), source })?;
    // Synced before we say that it is stored.
    Ok(opened.with_fsync(true))
}

pub(crate) fn s3(config: &StoreConfig) -> Result<object_store::aws::AmazonS3, OpenError> {
    // Refused when there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Shorter than the ack wait of a message: a caller rather tries again than holds on.
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 3,
        retry_timeout: Duration::from_secs(15),
    };
    let mut builder =
        AmazonS3Builder::from_env().with_url(&config.url).with_retry(retry).with_client_options(
            ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(30)),
        );
    for (name, value) in &config.options {
        if let Ok(name) = name.parse() {
            builder = builder.with_config(name, value);
        }
    }
    builder.build().map_err(|source| OpenError::Settings { url: config.url.clone(), source })
}
