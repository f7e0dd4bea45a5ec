//! The forms of a report as readers that are not ours take them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod fhir;
mod golden;
mod hl7;
mod pdf;
mod schema;
