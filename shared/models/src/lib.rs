//! A model as a folder of files that are known by their hashes: what it is called, what it says, what it needs as
//! input, and the cases that prove it. Knows no tensor library, no network and no image format.

pub mod demo;
mod demo_weights;
pub mod densenet121;
mod error;
mod folder;
mod golden;
mod identity;
mod manifest;
mod write;

pub use error::ModelError;
pub use folder::{ModelFolder, sha256_hex};
pub use golden::{GoldenCase, GoldenCaseEntry, GoldenFile, GoldenMap, tensor_from_bytes};
pub use identity::{ModelIdentity, ReadingKey, UNTRAINED_NOTICE};
pub use manifest::{Architecture, FileEntry, FileRole, MANIFEST_FILE, Manifest, ResizeRule};
pub use write::{NewFile, write_folder};
