//! Makes any form of a stored report: fetches the document and the pictures it names, verified, and calls the pure
//! functions of `shared/reports` and `shared/dicom` away from the threads that answer. Knows no HTTP, no log and nobody who
//! asks.

mod before;
mod error;
mod files;
mod format;
mod headers;
mod inputs;
mod maker;
mod message;
mod pictures;
mod turn;

pub use error::{FormError, PatientError};
pub use files::FormFiles;
pub use format::{Format, UnknownFormat};
pub use hilum_dicom::DicomError;
pub use hilum_reports::Language;
pub use hilum_reports::hl7::{Heading, System};
pub use maker::Maker;
pub use message::Message;
pub use turn::Turn;
