//! Delivers reports and flags to the targets that the site's settings name, and flags studies by its triage rules. Each
//! target has a durable consumer and a work loop of its own, so that one that is slow or away holds up no other.

mod begin;
mod config;
mod domain;
mod forms;
mod outlet;
mod progress;
mod protocol;
mod secret;
mod service;
mod shell;
mod shipment;
mod targets;
mod transport;
mod triage;

pub use config::Config;
pub use forms::MakeError;
pub use outlet::Outlet;
pub use protocol::{
    DicomSettings, Endpoint, FhirSettings, Hl7Settings, HostPort, Protocol, S3Settings, SendError,
    SenderError, StowSettings, WebhookSettings,
};
pub use secret::{Secret, SecretError};
pub use service::{DeliverError, Deliverer};
pub use shell::TargetWorker;
pub use shipment::{Object, Shipment};
pub use targets::{Rule, SiteFilter, Target, Targets, TargetsError};
pub use transport::Transport;
pub use triage::Triage;
