//! Bytes of a PNG, JPEG or DICOM file to pixels to model input. Knows no network, no event log and no model.
//!
//! Uploaded bytes are never parsed in the calling process: [`DecoderPool`] hands them to `hilum-decoder`
//! child processes, which are capped in memory and time and replaced when a file brings one down.
//!
//! - `ingest` asks [`DecoderPool::inspect`] for the identifiers of a DICOM object and what tells its series;
//! - `infer` asks [`DecoderPool::prepare`] for the numbers that its model takes;
//! - `report` asks [`DecoderPool::preview`] for a small PNG;
//! - whatever makes DICOM objects of a report asks [`DecoderPool::study_header`] for the patient of each image, and
//!   [`contradictions`] whether that is one patient;
//! - `projection` asks [`DecoderPool::data_set`] and [`DecoderPool::stored_frame`] for what DICOMweb answers.

pub mod bench;
mod character_set;
mod codec;
mod decoder;
mod dicom_values;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod patient;
mod picture;
mod plain;
mod preparation;
mod preprocess;
mod study_header;
mod wire;

pub use decoder::child_main;
pub use decoder::{DecoderConfig, DecoderPool, OVERTAKEN_FOR_AT_MOST};
pub use dicom_values::{DicomValues, Inspected, SeriesHeader};
pub use error::{CrashCause, DecodeError, Refusal, RefusalCode};
pub use hilum_headers::{Concept, HeaderValue, ImageHeader};
pub use limits::Limits;
pub use patient::{Patient, PatientField, contradictions};
pub use picture::{Picture, PictureError, Preview, Samples, StoredFrame};
pub use plain::PlainFacts;
pub use preparation::{Preparation, Prepared};
pub use preprocess::{ModelInput, Preprocessing, ResizeMethod, preprocess};
pub use study_header::{HeaderText, StudyHeader};
