//! The watch service: a door for objects that others put into buckets and folders. Notifications wait in a queue of their own, a
//! worker fetches what they name and gives it to the intake, and lists find what was never notified. What is known of an object
//! by its name stays out of the event log.

mod archive;
mod at_once;
mod body;
mod config;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod identity;
mod inlet;
mod look;
mod memory;
mod object;
mod park;
mod queues;
mod results;
mod service;
mod setback;
mod sweep;
mod unpack;
mod watches;
mod webhook;

pub use body::{Body, BrokenRecord, Confirmation, Objects, UnknownBody, read};
pub use config::Config;
pub use identity::job_of;
pub use service::{StartError, WatchService};
pub use watches::{
    Fault, Meaning, MeaningError, OwnPlaces, RESULT_SUFFIX, ResultsPlace, Rules, Watch, Watched, Watches,
    WatchesError,
};
pub use webhook::PATH;
