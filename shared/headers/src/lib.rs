//! What the header of a DICOM object says that its image shows, and whether that is what a rule means. Header values are
//! written by hand and by a thousand devices: they are compared by what they mean, and one that is there but odd never
//! counts as missing. Knows no DICOM file; nothing of a header is repeated in text, log or error.

mod attribute;
mod header;
mod orientation;
mod saying;
mod sources;
mod value;
mod vocabulary;
mod words;

pub use attribute::HeaderAttribute;
pub use header::ImageHeader;
pub use saying::{Saying, saying};
pub use value::{Concept, HeaderValue};
pub use vocabulary::edition;
