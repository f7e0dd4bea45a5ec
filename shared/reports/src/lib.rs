//! Reports of studies: the document that is stored, and the forms that are made of it when somebody asks. Pure: a
//! document and the pictures it names go in, bytes come out, the same each time. No network, no storage, no async and
//! no clock. Nothing that was uploaded is read here: the pictures are small PNGs that Hilum made itself.

mod check;
pub mod codes;
mod document;
pub mod fhir;
mod form;
pub mod hl7;
pub mod html;
pub mod identity;
mod overlay;
pub mod pdf;
mod picture_or_reason;
mod pictures;
pub mod samples;
pub mod sentences;
mod words;

pub use check::{Flaw, ImageFlaw, check};
pub use document::{
    ChangeEntry, ChangeKind, ComparedFinding, Comparison, Completeness, DISCLAIMER, Doubt, DoubtCode,
    EventEntry, FORMAT, FlagEntry, HeaderField, ImageEntry, ImageStatus, Missing, ModelEntry, ModelKey,
    ObjectEntry, OffsetEntry, Provenance, ReadError, ReadingEntry, Report, Summary, TimeZoneEntry,
    UNTRAINED_NOTICE,
};
pub use form::Form;
pub use pictures::{Choice, Picture, Pictures, reduced};
pub use words::Language;

/// The published JSON Schema (2020-12) of the document. Fields that it does not name are allowed: they are only ever
/// added.
pub const SCHEMA: &str = include_str!("../schema/hilum-report-1.schema.json");
