//! The DICOM door: takes images that senders hand over by C-STORE and answers C-ECHO (PS3.4, annexes A and B), and for storage commitment (annex J). An object goes
//! to the intake while it comes, and is told stored once it is durable, not sooner. Parses no object: of the bytes that come
//! it reads the framing of the protocol and the commands.

mod association;
mod callers;
mod command;
mod commitment;
mod config;
mod data_set;
mod door;
mod entities;
mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod negotiation;
mod outcome;
mod part10;
mod server;
mod syntaxes;
mod tls;
mod uid;
mod waiting;
mod wire;

pub use config::{ClientCertificates, Config};
pub use door::Door;
pub use entities::{Entities, EntitiesError, Fault};
pub use server::{Server, ServerError};
pub use tls::{Tls, TlsError};
