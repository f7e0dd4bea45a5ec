//! A model as a folder of files that are known by their hashes: what it is called, what it says, what it needs as
//! input, and the cases that prove it. Knows no tensor library, no network and no image format.

mod add_file;
pub mod demo;
mod demo_weights;
pub mod densenet121;
mod densenet121_weights;
mod error;
mod folder;
mod golden;
mod header_rules;
mod identity;
mod manifest;
pub mod onnx;
mod write;

pub use add_file::{Added, add_file};
pub use densenet121_weights::{Affine, Classifier, DenseNetWeights, Kernel};
pub use error::ModelError;
pub use folder::{ModelFolder, sha256_hex};
pub use golden::{GoldenCase, GoldenCaseEntry, GoldenFile, GoldenMap, tensor_from_bytes};
pub use header_rules::{HeaderAttribute, HeaderRule, Objection, Verdict, objections};
pub use identity::{ModelIdentity, ReadingKey, UNTRAINED_NOTICE};
pub use manifest::{Architecture, FileEntry, FileRole, MANIFEST_FILE, Manifest, ResizeRule, ValuesRule};
pub use write::{NewFile, write_folder};
