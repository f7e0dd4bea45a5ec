//! A model folder on disk: every listed file is compared with its hash before a byte of it is used. Files that the
//! manifest does not list are never read.

use hilum_events::{NameError, ReaderIdentity};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::golden::{GoldenCase, GoldenFile};
use crate::header_rules::rules_digest;
use crate::manifest::{FileEntry, FileRole, MANIFEST_FILE, Manifest};
use crate::{ModelError, ModelIdentity};

const MAX_MANIFEST_BYTES: u64 = 1 << 20;
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;
const MAX_OTHER_BYTES: u64 = 64 << 20;

/// A model folder whose files were all found unchanged when it was opened.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
}

impl ModelFolder {
    /// Reads `model.toml` and compares every listed file with its SHA-256.
    ///
    /// # Errors
    /// When the manifest breaks a rule, or a file is missing, too large or changed.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ModelError> {
        let path = path.into();
        let bytes = read_bounded(&path.join(MANIFEST_FILE), MANIFEST_FILE, MAX_MANIFEST_BYTES)?;
        let text = String::from_utf8_lossy(&bytes);
        let folder = Self { manifest: Manifest::parse(&text)?, path };
        for entry in &folder.manifest.files {
            folder.read(entry)?;
        }
        Ok(folder)
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checked content of `model.toml`.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The identity of the model, as readings name it.
    pub fn identity(&self) -> ModelIdentity {
        self.manifest.identity()
    }

    /// The reader that this folder and this release make: it judges whether an image can be read.
    ///
    /// # Errors
    /// When events can't name the model.
    pub fn reader(&self) -> Result<ReaderIdentity, NameError> {
        Ok(ReaderIdentity {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            model: (&self.identity()).try_into()?,
            rules_sha256: rules_digest(&self.manifest.header_rules),
        })
    }

    /// The weights: the very bytes that were hashed, so that nothing can change between check and use.
    ///
    /// # Errors
    /// The file is unreadable or changed since the folder was opened.
    pub fn read_weights(&self) -> Result<Vec<u8>, ModelError> {
        let entry = self
            .manifest
            .file(FileRole::Weights)
            .ok_or_else(|| ModelError::Field { field: "file", reason: "lists no weights".to_owned() })?;
        self.read(entry)
    }

    /// The network as an ONNX graph, if the folder lists one: the very bytes that were hashed.
    ///
    /// # Errors
    /// The file is unreadable or changed since the folder was opened.
    pub fn onnx(&self) -> Result<Option<Vec<u8>>, ModelError> {
        self.manifest.file(FileRole::Onnx).map(|entry| self.read(entry)).transpose()
    }

    /// The cases that prove the model; empty when the folder has none.
    ///
    /// # Errors
    /// A file is unreadable or changed, or the cases do not fit the manifest.
    pub fn golden_cases(&self) -> Result<Vec<GoldenCase>, ModelError> {
        let Some(entry) = self.manifest.file(FileRole::Golden) else { return Ok(Vec::new()) };
        let file: GoldenFile = serde_json::from_slice(&self.read(entry)?).map_err(ModelError::GoldenParse)?;
        file.resolve(&self.manifest, |name| {
            let listed = |entry: &&FileEntry| entry.role == FileRole::GoldenInput && entry.name == name;
            let entry = self.manifest.files.iter().find(listed).ok_or_else(|| ModelError::Golden {
                reason: format!("the input {name:?} is not listed in model.toml as golden-input"),
            })?;
            self.read(entry)
        })
    }

    fn read(&self, entry: &FileEntry) -> Result<Vec<u8>, ModelError> {
        let limit_bytes = match entry.role {
            FileRole::Weights | FileRole::Onnx => MAX_WEIGHTS_BYTES,
            FileRole::Golden | FileRole::GoldenInput | FileRole::Document => MAX_OTHER_BYTES,
        };
        let bytes = read_bounded(&self.path.join(&entry.name), &entry.name, limit_bytes)?;
        let found = sha256_hex(&bytes);
        if found != entry.sha256 {
            let (file, expected) = (entry.name.clone(), entry.sha256.clone());
            return Err(ModelError::Changed { file, expected, found });
        }
        Ok(bytes)
    }
}

/// SHA-256 in 64 lower-case hex digits, as manifests write it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn read_bounded(path: &Path, name: &str, limit_bytes: u64) -> Result<Vec<u8>, ModelError> {
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(ModelError::TooLarge { file: name.to_owned(), limit_bytes });
    }
    Ok(bytes)
}
