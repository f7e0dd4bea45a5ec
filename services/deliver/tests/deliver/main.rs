//! The service against a real nats-server, a store in a folder and receivers that speak the real protocols.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod canary;
mod dicom;
mod field;
mod foreign_fhir_server;
mod given_up;
mod lost;
mod patients;
mod protocols;
mod receiver;
mod scp;
mod triage;
mod webhooks;
