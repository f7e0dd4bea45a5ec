//! The DICOMweb door as a program: real log, storage in a folder, the decoder in its cage, and senders by HTTP.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod corpus;
mod foreign;
mod hostile;
mod storing;
