//! What an operator and the services' upkeep ask of the server: that its streams and consumers are as declared, how far they are, what
//! was given up.

mod advisories;
mod apply;
mod config;
mod dead_letters;
mod drift;
mod ensure;
mod floors;
mod lost;
mod positions;
mod site_consumers;
mod watch;

pub use apply::{ApplyError, apply, apply_definitions, apply_definitions_knowing, apply_knowing};
pub use dead_letters::DeadLetter;
pub use drift::{Drift, drift};
pub use ensure::Ensured;
pub use floors::{FLOORS_RECORD, Floors, FloorsError, MadeAnew};
