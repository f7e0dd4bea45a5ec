//! DICOMweb as it is asked by viewers: real objects in storage, a real decoder.

mod bench;
mod corpus;
mod foreign;
mod headers;
mod open;
mod pictures;
mod retrieving;
mod searching;
