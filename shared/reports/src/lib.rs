//! Reports of studies: the document that is stored, and the forms that are made of it when somebody asks. Pure: a
//! document and the pictures it names go in, bytes come out, the same each time. No network, no storage, no async and
//! no clock. Nothing that was uploaded is read here: the pictures are small PNGs that Hilum made itself.

mod document;
mod form;
pub mod html;
mod pictures;
pub mod samples;

pub use document::{
    ChangeEntry, ChangeKind, ComparedFinding, Comparison, Completeness, DISCLAIMER, EventEntry, FORMAT,
    FlagEntry, ImageEntry, ImageStatus, Missing, ModelEntry, ModelKey, ObjectEntry, Provenance, ReadError,
    ReadingEntry, Report, Summary, UNTRAINED_NOTICE,
};
pub use form::Form;
pub use pictures::{Choice, Picture, Pictures, reduced};
