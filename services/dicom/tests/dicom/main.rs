//! The DICOM door as a program: real log, storage in a folder, the decoder in its cage, and senders of DICOM.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod committing;
mod corpus;
mod foreign;
mod hostile;
mod refusals;
mod sender;
mod stop;
mod storing;
mod tls;
