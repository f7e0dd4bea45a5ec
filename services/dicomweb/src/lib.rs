//! The DICOMweb door: takes images that senders hand over by a store transaction (STOW-RS, PS3.18, 10.5). Each part of the body goes
//! to the intake while it comes, and is told stored once it is durable, not sooner. Parses no object: of the bytes that come
//! it reads the framing of the body.

mod api;
mod callers;
mod config;
mod door;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod media;
mod multipart;
mod outcome;
mod response;
mod transaction;

pub use api::{PATH, router};
pub use callers::{Callers, CallersError, Fault};
pub use config::Config;
pub use door::Door;
