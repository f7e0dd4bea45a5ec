//! Delivers reports and flags to the targets that the site's settings name, and flags studies by its triage rules. Each
//! target has a durable consumer and a work loop of its own, so that one that is slow or away holds up no other.

mod begin;
mod config;
mod domain;
mod forms;
mod outlet;
mod protocol;
mod secret;
mod service;
mod shell;
mod targets;
mod triage;

pub use config::Config;
pub use forms::{MakeError, Maker, Object};
pub use outlet::Outlet;
pub use protocol::{Parcel, SendError, Transport};
pub use secret::{Secret, SecretError};
pub use service::{DeliverError, Deliverer};
pub use shell::Courier;
pub use targets::{Address, Rule, Sites, Target, Targets, TargetsError};
pub use triage::Triage;
